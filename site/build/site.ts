import { join } from 'node:path';
import { build, type LogLevel } from 'vite';
import { siteConfig } from './config.ts';
import { buildCourse } from './course.ts';

export interface SiteOptions {
  readonly logLevel?: LogLevel;
  /** Whether the API reference is built too, which takes longer than all the rest. */
  readonly api?: boolean;
}

/** Builds the whole site into a folder: the pages that compute, the course around them, the API reference. */
export async function buildSite(
  folder: string,
  { logLevel = 'info', api = true }: SiteOptions = {},
): Promise<void> {
  const config = siteConfig();
  await build({ ...config, logLevel, build: { ...config.build, outDir: folder } });
  await buildCourse(folder);
  if (!api) return;
  const { buildApi } = await import('./api.ts');
  await buildApi(join(folder, 'api'));
}
