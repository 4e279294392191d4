import { build, type LogLevel } from 'vite';
import { siteConfig } from './config.ts';
import { buildCourse } from './course.ts';

/** Builds the whole site into a folder: the pages that compute, and the course around them. */
export async function buildSite(
  folder: string,
  { logLevel = 'info' }: { logLevel?: LogLevel } = {},
): Promise<void> {
  const config = siteConfig();
  await build({ ...config, logLevel, build: { ...config.build, outDir: folder } });
  await buildCourse(folder);
}
