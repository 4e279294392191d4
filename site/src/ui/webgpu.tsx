import type { ComponentChildren } from 'preact';

export type Support = 'checking' | 'yes' | 'no-api' | 'no-adapter';

/** Whether this browser computes on a GPU. */
export async function webgpuSupport(): Promise<Support> {
  const gpu: GPU | undefined = navigator.gpu;
  if (!gpu) return 'no-api';
  try {
    return (await gpu.requestAdapter()) ? 'yes' : 'no-adapter';
  } catch {
    return 'no-adapter';
  }
}

/** What to do where there is no WebGPU. */
export function NoWebGPU({ support, children }: { support: Support; children: ComponentChildren }) {
  return (
    <div class="note" role="status">
      <p>
        <strong>
          {support === 'no-api'
            ? isSecureContext
              ? 'This browser has no WebGPU.'
              : 'WebGPU needs a secure address: https, or localhost.'
            : 'This browser offers no GPU to pages.'}
        </strong>{' '}
        {children}
      </p>
      <ul>
        <li>
          Chrome and Edge have WebGPU from version 113 on Windows, macOS and ChromeOS, and from 121 on
          Android.
        </li>
        <li>
          On Linux, start Chrome with <code>--enable-unsafe-webgpu --enable-features=Vulkan</code>, or switch
          on “Unsafe WebGPU Support” under <code>chrome://flags</code>. Without a GPU it then computes on the
          CPU.
        </li>
        <li>
          Safari has it from version 26, Firefox from 141 on Windows and 145 on Macs with Apple's processors.
        </li>
        <li>
          If yours is one of these, check whether “graphics acceleration” is switched off in the browser's
          settings.
        </li>
      </ul>
    </div>
  );
}
