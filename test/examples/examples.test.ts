/* Runs on the fastest adapter. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { succeed } from '../helpers/packed.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

/*
 * Examples print what their comments promise: `// accuracy 0.98, within 0.005` after what prints it. The README's own is
 * in test/repository.
 */

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const names = readdirSync(examples).filter((name) => name.endsWith('.ts') && name !== 'quickstart.ts');
const folder = temporaryFolder();

interface Promised {
  readonly words: string;
  readonly numbers: readonly number[];
  readonly tolerance: number;
}

const numbersIn = (text: string) => (text.match(/-?\d+(\.\d+)?/g) ?? []).map(Number);
const wordsBefore = (text: string) => /^[^\d-]*/.exec(text)![0].trim();

function promisesOf(source: string): Promised[] {
  return [...source.matchAll(/^(?:console\.log|await show)\(.*; \/\/ (.*)$/gm)].map(([, text]) => {
    const [said, tolerance = '0'] = text!.split(', within ');
    return { words: wordsBefore(said!), numbers: numbersIn(said!), tolerance: Number(tolerance) };
  });
}

for (const name of names) {
  test(`${name} prints what it promises`, async () => {
    const path = join(examples, name);
    const promises = promisesOf(readFileSync(path, 'utf8'));
    assert.ok(promises.length > 0, 'it promises something');
    const args = ['--import', import.meta.resolve('tsx'), path];
    const { stdout } = await succeed(process.execPath, args, { cwd: folder });
    const lines = stdout.trim().split('\n');
    for (const { words, numbers, tolerance } of promises) {
      const line = lines.find((one) => wordsBefore(one) === words);
      assert.ok(line, `a line that begins with '${words}' in\n${stdout}`);
      const seen = numbersIn(line);
      numbers.forEach((number, i) => {
        const error = Math.abs(seen[i]! - number);
        assert.ok(error <= tolerance, `${line}: ${seen[i]} instead of ${number}, within ${tolerance}`);
      });
    }
  });
}

test('linear regression takes 15 lines', () => {
  const source = readFileSync(join(examples, 'linear-regression.ts'), 'utf8');
  const lines = source.split('\n').filter((line) => line.trim() !== '');
  assert.ok(lines.length <= 15, `${lines.length} lines`);
});

test('the VAE leaves a picture', () => {
  assert.ok(existsSync(join(folder, 'runs/samples.png')));
});

test.run();
