import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { preview } from 'vite';
import { dist, siteConfig } from './build/config.ts';
import { buildSite } from './build/site.ts';

const HELP = `npm run site                           builds the site into site/dist: static files for any web host
npm run site -- serve [--port 4173]    serves site/dist on this machine, after building it if it is not there
`;

/* `npm run site`. */

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { port: { type: 'string', default: '4173' }, help: { type: 'boolean', short: 'h' } },
  });
  const [command = 'build', ...rest] = positionals;
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!['build', 'serve'].includes(command) || rest.length > 0) {
    process.stderr.write(`site: no command '${positionals.join(' ')}'\n${HELP}`);
    return 2;
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    process.stderr.write(`site: --port takes a whole number, 0 to 65535, not '${values.port}'\n`);
    return 2;
  }
  if (command === 'build' || !existsSync(join(dist, 'index.html'))) await buildSite(dist);
  if (command === 'build') return 0;
  const server = await preview({ ...siteConfig(), preview: { port, strictPort: false } });
  server.printUrls();
  await new Promise(() => {});
  return 0;
}

process.exit(await main(process.argv.slice(2)));
