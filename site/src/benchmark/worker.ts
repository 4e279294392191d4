import { openBrowserDevice } from '@tapegrad/tensor';
import type { FromBench, Wishes } from './protocol.ts';
import { runBench } from './session.ts';

const scope = globalThis as unknown as { onmessage: unknown; postMessage(message: FromBench): void };
const post = (message: FromBench) => scope.postMessage(message);

scope.onmessage = async ({ data }: MessageEvent<Wishes>) => {
  try {
    await runBench(await openBrowserDevice(), data, post);
  } catch (error) {
    post({ kind: 'failed', message: (error as Error).message });
  }
};
