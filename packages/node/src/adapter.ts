import { adapterNames, type Dawn, loadDawn, type OpenedAdapter, openAdapter, slug } from './dawn.ts';
import { type Candidate, describeAdapter, type FoundAdapter, isKind, type Search } from './kinds.ts';
import { announce, notAvailable, nothingFound } from './messages.ts';
import {
  hasSystemLoader,
  openPackedSwiftShader,
  packedLoaderPath,
  packedSwiftShader,
} from './swiftshader.ts';

/** Options of the search for an adapter. */
export interface FindOptions {
  /** Validate and compile, but run nothing: to measure the host's cost alone. `choice` then only sets the kind. */
  nullBackend?: boolean;
  /** Dawn's toggles to switch on, by name, or, with a minus before the name, to switch off. */
  toggles?: string[];
}

function candidate(opened: OpenedAdapter, packed = false): Candidate {
  return { ...opened, ...describeAdapter(opened.adapter.info), packed };
}

/**
 * The adapters that the system's drivers offer, hardware first. The first costs one instance of Dawn; listing the
 * others costs more, so they are listed only on demand.
 */
async function* systemAdapters(dawn: Dawn, flags: string[]): AsyncGenerator<Candidate> {
  if (!hasSystemLoader()) {
    // There may be drivers without a loader (as in containers with NVIDIA's): the packed loader finds them.
    const packed = packedSwiftShader();
    if (typeof packed === 'string' || !packedLoaderPath(packed)) return;
  }
  const best = await openAdapter(dawn, flags);
  if (!best) return;
  yield candidate(best);
  const seen = new Set([best.adapter.info.device]);
  for (const name of await adapterNames(dawn, flags)) {
    if (seen.has(slug(name))) continue;
    const other = await openAdapter(dawn, [...flags, `adapter=${name}`]);
    if (!other) continue;
    seen.add(other.adapter.info.device).add(slug(name));
    yield candidate(other);
  }
}

function matches({ adapter, name, driver }: Candidate, choice: string): boolean {
  const { vendor, architecture, device, description } = adapter.info;
  const text = [name, driver, vendor, architecture, device, description].join('\n').toLowerCase();
  const key = slug(choice).replace(/^-|-$/g, '');
  return text.includes(choice) || (key !== '' && text.includes(key));
}

/** Names of the packed SwiftShader, so that asking for anything else does not unpack it. */
const SWIFTSHADER_NAMES = 'google swiftshader device (subzero)';

/** Opens SwiftShader from npm; when that fails, leaves the reason in `state.packed`. */
async function openPacked(dawn: Dawn, flags: string[], state: Search): Promise<Candidate | undefined> {
  const { packed } = state;
  if (typeof packed === 'string') return undefined;
  try {
    const opened = await openPackedSwiftShader(dawn, flags, packed);
    if (opened) return candidate(opened, true);
    state.packed = `${packed.version} was loaded, but Dawn does not accept it`;
  } catch (error) {
    state.packed = `${packed.version} can't be unpacked or loaded: ${(error as Error).message}`;
  }
  return undefined;
}

async function search(dawn: Dawn, flags: string[], choice: string): Promise<Search> {
  const state: Search = { met: [], packed: packedSwiftShader() };
  if (choice === 'swiftshader') {
    state.found = await openPacked(dawn, flags, state); // a known version before whatever the system has
    if (state.found) return state;
  }
  // Dawn sorts discrete, integrated, software, and last what calls itself virtual. So `auto` may stop at lavapipe without
  // listing the rest; a virtual GPU next to lavapipe must be asked for.
  const wanted = (one: Candidate) =>
    choice === 'auto'
      ? one.kind !== 'swiftshader'
      : isKind(choice)
        ? one.kind === choice
        : matches(one, choice);
  for await (const one of systemAdapters(dawn, flags)) {
    state.met.push(one);
    if (wanted(one)) return { ...state, found: one };
  }
  if (choice === 'auto') state.found = state.met[0] ?? (await openPacked(dawn, flags, state));
  else if (SWIFTSHADER_NAMES.includes(choice)) state.found = await openPacked(dawn, flags, state);
  return state;
}

function flagsOf(toggles: readonly string[]): string[] {
  const on = toggles.filter((name) => !name.startsWith('-'));
  const off = toggles.filter((name) => name.startsWith('-')).map((name) => name.slice(1));
  return [
    ...(on.length > 0 ? [`enable-dawn-features=${on.join(',')}`] : []),
    ...(off.length > 0 ? [`disable-dawn-features=${off.join(',')}`] : []),
  ];
}

/**
 * Finds an adapter in this order: a hardware GPU, the system's lavapipe, SwiftShader from npm.
 *
 * @param choice `auto`, one kind (`gpu`, `lavapipe`, `swiftshader`), or part of an adapter's name, vendor or
 *   description, in either case
 * @throws an error that lists the adapters if `choice` is not among them, or says what to install if there are none
 */
export async function findAdapter(choice = 'auto', options: FindOptions = {}): Promise<FoundAdapter> {
  const wanted = choice.trim().toLowerCase() || 'auto';
  const dawn = await loadDawn();
  const flags = flagsOf(options.toggles ?? []);
  if (options.nullBackend) {
    const opened = await openAdapter(dawn, [...flags, 'backend=null']);
    if (!opened) throw new Error('the null backend is not in this build of webgpu');
    const kind = isKind(wanted) ? wanted : 'gpu';
    const announcement = 'adapter: none (null backend): kernels are compiled, nothing is run';
    return { ...opened, kind, name: 'null', driver: 'null backend', packed: false, announcement };
  }
  const result = await search(dawn, flags, wanted);
  if (!result.found)
    throw wanted === 'auto' ? nothingFound(String(result.packed)) : notAvailable(choice, result);
  return { ...result.found, announcement: announce(result.found, result.met, wanted) };
}
