/// <reference lib="webworker" />
import { openBrowserDevice, type WebGPUDevice } from '@tapegrad/tensor';
import { fetchDigits, type ImageSet, splitOwn } from '../data/images.ts';
import type { FromTrainer, ToTrainer } from './protocol.ts';
import { TrainSession } from './session.ts';

const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
const post = (message: FromTrainer) => scope.postMessage(message);
const versions = { tapegrad: '0.1.0', browser: navigator.userAgent };

let device: Promise<WebGPUDevice> | undefined;
let digits: Promise<ImageSet> | undefined;
let session: TrainSession | undefined;

async function start(message: Extract<ToTrainer, { kind: 'start' }>): Promise<void> {
  const { experiment, own, files, wish, base } = message;
  post({ kind: 'preparing', text: 'opening the GPU' });
  device ??= openBrowserDevice();
  const opened = await device;
  if (!own) post({ kind: 'preparing', text: 'fetching the digits' });
  digits ??= fetchDigits(base);
  const data = own ? splitOwn(own.pixels, own.shape, own.name) : await digits;
  session?.pause();
  await session?.idle;
  session?.dispose();
  session = new TrainSession({ device: opened, data, post, versions });
  await session.open(experiment, files, wish);
  session.go();
}

scope.onmessage = async ({ data }: MessageEvent<ToTrainer>) => {
  try {
    if (data.kind === 'start') await start(data);
    else if (data.kind === 'go') session?.go();
    else if (data.kind === 'pause') session?.pause();
    else if (data.kind === 'beta') session?.beta(data.value);
    else if (data.kind === 'epochs') session?.epochs(data.value);
    else if (data.kind === 'wish') session?.wish(data.wish);
    else session?.save(data.id);
  } catch (error) {
    post({ kind: 'failed', message: (error as Error).message });
  }
};
