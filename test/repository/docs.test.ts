/* Runs without an adapter. */
/** That functions and classes that packages export say what they are, where an editor shows it; methods too, which are made from tables. */

import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../..', import.meta.url));

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config,
  ts.sys,
  root,
);
const names = ['tensor', 'autograd', 'nn', 'vae', 'interchange', 'plot', 'node'];
const entries = names.map((name) => [name, `${root}packages/${name}/src/index.ts`] as const);
const program = ts.createProgram({ rootNames: entries.map(([, entry]) => entry), options });
const checker = program.getTypeChecker();

const isDocumented = (symbol: ts.Symbol) => symbol.getDocumentationComment(checker).length > 0;

/** What a module exports, as it was declared. */
const exportsOf = (entry: string): ts.Symbol[] =>
  checker
    .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));

for (const [name, entry] of entries) {
  test(`every function and class that ${name} exports has a docstring`, () => {
    const missing = exportsOf(entry)
      .filter(({ flags }) => flags & ts.SymbolFlags.Value)
      .filter((symbol) => !isDocumented(symbol));
    assert.equal(
      missing.map((symbol) => symbol.name),
      [],
    );
  });
}

test('every method of a tensor has a docstring, those from the tables too', () => {
  const tensor = exportsOf(`${root}packages/tensor/src/index.ts`).find(({ name }) => name === 'Tensor')!;
  const members = checker.getDeclaredTypeOfSymbol(tensor).getProperties();
  assert.ok(
    ['neg', 'add', 'sum', 'data', 'backward'].every((name) => members.some((one) => one.name === name)),
  );
  const missing = members.filter(({ name }) => !name.startsWith('#')).filter((one) => !isDocumented(one));
  assert.equal(
    missing.map(({ name }) => name),
    [],
  );
});

test.run();
