import { unzipSync, zipSync } from 'fflate';
import type { OwnImages, RunFiles } from './protocol.ts';

/* Files that come onto the page and leave it. */

/** Offers bytes as a download. */
export function download(name: string, bytes: Uint8Array, type = 'application/octet-stream'): void {
  const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A run folder in one file, unpacked under its name. */
export function zipRun(name: string, files: RunFiles): Uint8Array {
  const folder = name.replace(/[^a-z0-9.-]+/gi, '-');
  return zipSync(
    Object.fromEntries(Object.entries(files).map(([file, bytes]) => [`${folder}/${file}`, bytes])),
    {
      level: 0,
    },
  );
}

/** What was dropped or chosen: the files of a run, or images. */
export async function readFiles(files: readonly File[]): Promise<{ run?: RunFiles; images: File[] }> {
  const run: Record<string, Uint8Array> = {};
  const images: File[] = [];
  for (const file of files) {
    const bytes = async () => new Uint8Array(await file.arrayBuffer());
    if (/\.zip$/i.test(file.name)) {
      for (const [path, content] of Object.entries(unzipSync(await bytes()))) {
        const name = path.split('/').at(-1)!;
        if (/\.(json|jsonl|safetensors)$/.test(name)) run[name] = content;
      }
    } else if (/\.(json|jsonl)$/.test(file.name)) run[file.name] = await bytes();
    else if (/\.safetensors$/.test(file.name))
      run[file.name.startsWith('state') ? 'state.safetensors' : 'weights.safetensors'] = await bytes();
    else if (file.type.startsWith('image/')) images.push(file);
    else
      throw new Error(
        `${file.name} is neither an image nor of a run: drop JPEGs, PNGs, a zipped run, or its config.json with its .safetensors`,
      );
  }
  return Object.keys(run).length > 0 ? { run, images } : { images };
}

/** Scales images and cuts them to squares. */
export async function scaleImages(
  files: readonly File[],
  { size, channels }: { size: number; channels: 1 | 3 },
): Promise<OwnImages> {
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  const area = size * size;
  const pixels = new Uint8Array(files.length * channels * area);
  for (const [i, file] of files.entries()) {
    const bitmap = await createImageBitmap(file).catch(() => {
      throw new Error(`${file.name} cannot be read as an image`);
    });
    const side = Math.min(bitmap.width, bitmap.height);
    const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
    context.clearRect(0, 0, size, size);
    context.drawImage(bitmap, left, top, side, side, 0, 0, size, size);
    bitmap.close();
    const { data } = context.getImageData(0, 0, size, size);
    for (let k = 0; k < area; k++) {
      const [red, green, blue] = [data[4 * k]!, data[4 * k + 1]!, data[4 * k + 2]!];
      const at = i * channels * area + k;
      if (channels === 1) pixels[at] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
      else for (const [c, value] of [red, green, blue].entries()) pixels[at + c * area] = value;
    }
  }
  return { name: `${files.length} images of yours`, shape: [channels, size, size], pixels };
}
