import { join } from 'node:path';
import ts from 'typescript';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/* What an editor offers of a tensor, with the packages as users have them: asked of TypeScript's language service. */

/** All that is to be completed after `x.`; what is added here is a promise to users. */
const MEMBERS = [
  ...[
    'array',
    'backward',
    'data',
    'detach',
    'device',
    'dispose',
    'disposed',
    'dtype',
    'grad',
    'item',
    'rank',
  ],
  ...['requiresGrad', 'shape', 'size', 'toString'],
  ...[
    'abs',
    'add',
    'argmax',
    'argmin',
    'cast',
    'ceil',
    'clamp',
    'cos',
    'cumsum',
    'div',
    'elu',
    'equal',
    'exp',
    'expand',
  ],
  ...[
    'flatten',
    'floor',
    'gelu',
    'greater',
    'greaterEqual',
    'leakyRelu',
    'less',
    'lessEqual',
    'log',
    'log1p',
  ],
  ...[
    'logSoftmax',
    'logSumExp',
    'matmul',
    'max',
    'maximum',
    'mean',
    'min',
    'minimum',
    'mul',
    'neg',
    'notEqual',
    'oneHot',
  ],
  ...[
    'pad',
    'permute',
    'pow',
    'prod',
    'reciprocal',
    'relu',
    'reshape',
    'round',
    'sigmoid',
    'sign',
    'silu',
    'sin',
    'slice',
  ],
  ...[
    'softmax',
    'softplus',
    'sqrt',
    'square',
    'squeeze',
    'std',
    'sub',
    'sum',
    't',
    'tanh',
    'transpose',
    'unsqueeze',
    'variance',
    'view',
  ],
].sort();

const program = `import { requiresGrad } from '@tapegrad/autograd';
import { tensor } from '@tapegrad/tensor';
const x = requiresGrad(tensor([1, 2]));
x.`;

/** Names that a compiler makes up where a declaration has none. */
const NAMELESS = /\b(rest|args?|_?\d+|x_?\d+|rest_\d+|args_\d+|arg\d+|_)\??:/;

interface Completion {
  readonly name: string;
  /** As a hover shows it. */
  readonly signature: string;
  readonly documentation: string;
}

/** What is offered at the end of a program in a folder. */
export function completions(folder: string, text: string): Completion[] {
  const file = join(folder, 'in-an-editor.ts');
  const service = ts.createLanguageService({
    getCompilationSettings: () => ({
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      strict: true,
      types: [],
    }),
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot(name) {
      const content = name === file ? text : ts.sys.readFile(name);
      return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content);
    },
    getCurrentDirectory: () => folder,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (name) => name === file || ts.sys.fileExists(name),
    readFile: ts.sys.readFile,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
    realpath: ts.sys.realpath,
  });
  const { entries = [] } = service.getCompletionsAtPosition(file, text.length, {}) ?? {};
  return entries.map(({ name, source, data }) => {
    const details = service.getCompletionEntryDetails(file, text.length, name, {}, source, {}, data);
    return {
      name,
      signature: ts.displayPartsToString(details?.displayParts),
      documentation: ts.displayPartsToString(details?.documentation),
    };
  });
}

export function testEditor(app: string): void {
  test("an editor offers a tensor's public members, and nothing else", () => {
    const offered = completions(app, program);
    assert.equal(offered.map(({ name }) => name).sort(), MEMBERS);
    for (const { name, signature, documentation } of offered) {
      assert.ok(documentation.length > 10, `${name} has a description: '${documentation}'`);
      assert.not.match(signature, NAMELESS, `${name} has names for what it takes`);
      assert.not.match(signature, /\bany\b/, `${name} has types`);
    }
  });

  test('the test sees what has no description, and no names', () => {
    const [bare] = completions(app, 'const x = { f: (...rest_1: number[]) => 1 }; x.');
    assert.is(bare!.documentation, '');
    assert.match(bare!.signature, NAMELESS);
  });
}
