import { inflated } from './inflate.ts';

/** Starts the part of a report that computes, if this browser can; `data-alive` on the root says whether. */
export async function comeAlive(): Promise<void> {
  const packed = document.getElementById('living-script');
  if (!packed) return;
  const gpu: GPU | undefined = navigator.gpu;
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter) {
    document.documentElement.dataset.alive = 'false';
    return;
  }
  const script = document.createElement('script');
  script.textContent = new TextDecoder().decode(await inflated(packed.textContent!));
  document.body.append(script);
}
