import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, DeclarationReflection, type ProjectReflection, type TypeDocOptions } from 'typedoc';

const root = fileURLToPath(new URL('../../', import.meta.url));
const packages = ['tensor', 'autograd', 'nn', 'vae', 'interchange', 'plot', 'node', 'tapegrad'];

/** What has to have a description: all that is exported, and what classes and interfaces can do. */
const described = ['Enum', 'Variable', 'Function', 'Class', 'Interface', 'TypeAlias', 'Method', 'Accessor'];

/**
 * The API reference of every package, by TypeDoc, as files with relative addresses.
 * @returns what TypeDoc warns of
 */
export async function buildApi(folder: string): Promise<number> {
  const app = await Application.bootstrap({
    entryPoints: packages.map((name) => join(root, `packages/${name}/src/index.ts`)),
    tsconfig: join(root, 'tsconfig.json'),
    basePath: root,
    name: 'Tapegrad',
    readme: 'none',
    // `npm run check` does that, with the compiler that the project uses.
    skipErrorChecking: true,
    validation: { notDocumented: true, notExported: true, invalidLink: true, invalidPath: true },
    requiredToBeDocumented: described,
    packagesRequiringDocumentation: packages.map((name) =>
      name === 'tapegrad' ? name : `@tapegrad/${name}`,
    ),
    excludePrivate: true,
    excludeInternal: true,
    disableSources: true,
    githubPages: false,
    navigationLinks: { Site: '../' },
    logLevel: 'Warn',
  } as Partial<TypeDocOptions>);
  const project = await app.convert();
  if (!project) throw new Error('site: TypeDoc made nothing of the packages');
  // By the names that people import, not by folders.
  for (const module of project.children ?? []) {
    const name = module.name.replace(/^(packages\/)?(\w+)\/src$/, '$2');
    module.name = name === 'tapegrad' ? name : `@tapegrad/${name}`;
  }
  describeMethods(project);
  app.validate(project);
  await app.generateDocs(project, folder);
  return app.logger.warningCount + app.logger.errorCount;
}

/** A tensor's methods are functions under the same names: TypeDoc finds the types of those, but not their descriptions. */
function describeMethods(project: ProjectReflection): void {
  const functions = project.getChildByName('@tapegrad/tensor') as DeclarationReflection;
  const tensor = functions.getChildByName('Tensor') as DeclarationReflection;
  for (const method of tensor.children ?? []) {
    const source = functions.getChildByName(method.name);
    if (method.hasComment() || !(source instanceof DeclarationReflection)) continue;
    method.comment = (source.comment ?? source.signatures?.[0]?.comment)?.clone();
  }
}
