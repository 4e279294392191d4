import type { AdapterKind } from '@tapegrad/tensor';
import type { PackedSwiftShader } from './swiftshader.ts';

export type { AdapterKind };

/** An adapter and what belongs to it. */
export interface FoundAdapter {
  /** Keep it while the adapter is used: Dawn lives as long as this object. */
  gpu: GPU;
  adapter: GPUAdapter;
  kind: AdapterKind;
  name: string;
  driver: string;
  /** Loaded from the npm package rather than found on the system. */
  packed: boolean;
  /** One line: what was chosen, why, and what would be faster. */
  announcement: string;
}

export type Candidate = Omit<FoundAdapter, 'announcement'>;

/** Fastest first. */
export const ADAPTER_KINDS: readonly AdapterKind[] = ['gpu', 'lavapipe', 'swiftshader'];

/** Whether a name is a kind of adapter. */
export const isKind = (name: string): name is AdapterKind => ADAPTER_KINDS.includes(name as AdapterKind);

export interface Search {
  found?: Candidate | undefined;
  /** All candidates that the search came across. */
  met: Candidate[];
  packed: PackedSwiftShader | string;
}

/** Classifies an adapter, and reads its driver's name and version. */
export function describeAdapter(info: GPUAdapterInfo): Pick<FoundAdapter, 'kind' | 'name' | 'driver'> {
  const { vendor, architecture, device, description } = info;
  const all = `${vendor} ${architecture} ${device} ${description}`.toLowerCase();
  if (all.includes('llvmpipe')) {
    // Described as `llvmpipe: Mesa 25.0.7-2 (LLVM 15.0.6) 0.0.1`; a subgroup is as many 32-bit lanes as a register holds.
    const llvm = /LLVM [\d.]+/.exec(description)?.[0] ?? 'LLVM';
    const driver = /Mesa \d+(\.\d+)*/.exec(description)?.[0] ?? description;
    return { kind: 'lavapipe', name: `llvmpipe (${llvm}, ${32 * info.subgroupMinSize} bits)`, driver };
  }
  if (all.includes('swiftshader')) return { kind: 'swiftshader', name: 'SwiftShader', driver: description };
  const software =
    info.isFallbackAdapter || architecture === 'software' || device === 'microsoft-basic-render-driver';
  const name = device || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed adapter';
  return { kind: software ? 'swiftshader' : 'gpu', name, driver: description };
}
