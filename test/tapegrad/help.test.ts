/* Runs without an adapter. */
import { flagOf, models } from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandNamed } from '../../packages/tapegrad/src/cli/commands.ts';
import { tapegrad } from '../helpers/runs.ts';

/* Help is made from the tables that the parser reads. */

/** The help of a command, a model or other words before it. */
async function helpOf(name: string, ...words: string[]): Promise<string> {
  const command = await commandNamed(name);
  let text = '';
  const writeOut = (part: string) => {
    text += part;
  };
  command.exitOverride().configureOutput({ writeOut, getOutHelpWidth: () => 200 });
  await command.parseAsync([...words, '--help'], { from: 'user' }).catch(({ code, message }) => {
    assert.is(code, 'commander.helpDisplayed', message);
  });
  return text;
}

/** Flags, each with its line. */
const flagsIn = (help: string) =>
  new Map([...help.matchAll(/^ {2}(--[\w-]+).*$/gm)].map(([line, flag]) => [flag!, line]));

for (const name of ['train', 'sweep', 'import']) {
  test(`${name} --help is short: the models, the options used most, and how to get the rest`, async () => {
    const help = await helpOf(name);
    assert.ok(help.split('\n').length <= 50, help);
    for (const { summary } of models.values()) assert.ok(help.includes(summary), summary);
    assert.match(help, `tapegrad ${name} MODEL --help`);
    assert.ok(flagsIn(help).has('--out'));
    assert.not(flagsIn(help).has('--free-bits'));
  });

  for (const { name: model, defaults } of models.values()) {
    test(`${name} ${model} --help: its options and no other model's, with its defaults`, async () => {
      const help = await helpOf(name, model, '--latent', '3');
      const flags = flagsIn(help);
      for (const [option, value] of Object.entries(defaults)) {
        const line = flags.get(`--${flagOf(option)}`)!;
        assert.match(line, `default: ${value})`);
      }
      const foreign = [...models.values()].flatMap((other) => Object.keys(other.defaults));
      for (const option of foreign.filter((one) => !(one in defaults)))
        assert.not(flags.has(`--${flagOf(option)}`), option);
      const groups = ['Data:', 'Training:', 'Model:', 'Objective:', 'Output:'];
      for (const group of groups) assert.ok(help.includes(`\n${group}\n`), group);
    });
  }
}

test('a help of a model that is none', async () => {
  const { code, stderr } = await tapegrad(['train', 'vea', '--help']);
  assert.match(stderr, /^tapegrad: no model is named 'vea'; did you mean 'vae'\?/);
  assert.is(code, 1);
});

test('help COMMAND is COMMAND --help; nothing at all is the help of the program, and an error', async () => {
  const asked = await tapegrad(['help', 'evaluate']);
  assert.equal([asked.code, asked.stderr], [0, '']);
  assert.is(asked.stdout, (await tapegrad(['evaluate', '--help'])).stdout);
  for (const args of [
    ['help', 'trian'],
    ['trian', '--help'],
  ]) {
    const wrong = await tapegrad(args);
    assert.equal([wrong.code, wrong.stdout], [1, '']);
    assert.is(wrong.stderr, "tapegrad: unknown command 'trian'; did you mean train?\n");
  }
  const nothing = await tapegrad([]);
  assert.is(nothing.code, 1);
  assert.match(nothing.stdout + nothing.stderr, /^Usage: tapegrad/);
});

test.run();
