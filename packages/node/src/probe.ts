import { adapterNames, loadDawn, openAdapter } from './dawn.ts';
import { native } from './native.ts';
import { bePlain } from './quiet.ts';

/*
 * Lists the system's adapters as JSON, in a process of its own: a broken driver may crash it, and what Dawn writes to the
 * standard error can only be read from outside. Argument: the packed loader's path, if it is needed.
 */

bePlain();
const [loader] = process.argv.slice(2);
if (loader) native().load(loader, true);
const dawn = await loadDawn();
const found = [];
for (const name of new Set(await adapterNames(dawn, []))) {
  const info = (await openAdapter(dawn, [`adapter=${name}`]))?.adapter.info;
  if (!info) continue;
  const { vendor, architecture, device, description, isFallbackAdapter, subgroupMinSize, subgroupMaxSize } =
    info;
  found.push({
    vendor,
    architecture,
    device,
    description,
    isFallbackAdapter,
    subgroupMinSize,
    subgroupMaxSize,
  });
}
console.log(JSON.stringify(found));
