import type { LaunchContext, MatrixConfig } from '../lowering/launch.ts';

/** Dawn's name for matrix units; it offers them with the toggle `allow_unsafe_apis`. */
const MATRICES = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;
const FEATURES: GPUFeatureName[] = ['subgroups', 'timestamp-query', 'shader-f16', MATRICES];

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** A device with the limits and features that the adapter has, rather than the least that WebGPU guarantees. */
export const requestEverything = (adapter: GPUAdapter): Promise<GPUDevice> =>
  adapter.requestDevice({
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
  });

/** What the types of WebGPU do not have yet. */
interface AdapterInfo {
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  readonly subgroupMatrixConfigs?: readonly MatrixConfig[];
}

/** Sizes of the subgroups that kernels may use, and the shapes that matrix units multiply. */
export function traitsOf(
  adapter: GPUAdapter,
  gpu: GPUDevice,
): Required<Pick<LaunchContext, 'subgroups' | 'matrices'>> {
  const info = adapter.info as unknown as AdapterInfo;
  const { subgroupMinSize: min, subgroupMaxSize: max, subgroupMatrixConfigs = [] } = info;
  return {
    subgroups: gpu.features.has('subgroups' as GPUFeatureName) ? { min, max } : undefined,
    matrices: gpu.features.has(MATRICES)
      ? subgroupMatrixConfigs.map(({ componentType, resultComponentType, M, N, K }) =>
          // Dawn's own objects have getters only.
          ({ componentType, resultComponentType, M, N, K }),
        )
      : [],
  };
}
