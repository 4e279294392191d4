import { unzipSync, zipSync } from 'fflate';
import { assertEnough } from '../data/images.ts';
import type { OwnImages, RunFiles } from './protocol.ts';
import { fileNames } from './run-config.ts';

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

/** All files that were dropped; of folders those that could be of use, in the order of their paths. */
export async function droppedFiles({ items }: DataTransfer): Promise<File[]> {
  // At once: the list is empty when the event is over.
  const dropped = [...items].flatMap((item) => item.webkitGetAsEntry() ?? item.getAsFile() ?? []);
  if (dropped.length === 0)
    throw new Error('what was dropped is no file: save it first, then drop the file that was saved');
  const found = await Promise.all(
    dropped.map(async (entry) => {
      // An image of another page is a file without a place.
      if (entry instanceof File) return [entry];
      if (entry.isFile) return [await fileOf(entry as FileSystemFileEntry)];
      const files = usefulOf(await entriesIn(entry as FileSystemDirectoryEntry));
      if (files.length === 0) throw new Error(`the folder ${entry.name} holds no images, and no run`);
      return Promise.all(files.map(fileOf));
    }),
  );
  return found.flat();
}

const isImage = (name: string) => /\.(jpe?g|png|webp|gif|avif|bmp)$/i.test(name) && !name.startsWith('.');

/** Files of runs, and images; but pictures in a run's folder are what it drew, not what it was trained on. */
function usefulOf(files: readonly FileSystemFileEntry[]): FileSystemFileEntry[] {
  const runs = files.flatMap(({ name, fullPath }) =>
    name === fileNames.config ? [fullPath.slice(0, -name.length)] : [],
  );
  return files.filter(({ name, fullPath }) =>
    isImage(name)
      ? !runs.some((folder) => fullPath.startsWith(folder))
      : Object.values<string>(fileNames).includes(name),
  );
}

const fileOf = (entry: FileSystemFileEntry) =>
  new Promise<File>((resolve, reject) => entry.file(resolve, reject));

/** Files of a folder and of those in it. A reader gives a part of them at a time. */
async function entriesIn(folder: FileSystemDirectoryEntry): Promise<FileSystemFileEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (part.length === 0) break;
    entries.push(...part);
  }
  const files = await Promise.all(
    entries.map((entry) =>
      entry.isFile ? [entry as FileSystemFileEntry] : entriesIn(entry as FileSystemDirectoryEntry),
    ),
  );
  return files.flat().sort((a, b) => (a.fullPath < b.fullPath ? -1 : 1));
}

/** What was dropped or chosen: the files of a run, images, or both. */
export async function readFiles(files: readonly File[]): Promise<{ run?: RunFiles; images: File[] }> {
  const run: Record<string, Uint8Array> = {};
  const images: File[] = [];
  for (const file of files) {
    const bytes = async () => new Uint8Array(await file.arrayBuffer());
    if (/\.zip$/i.test(file.name)) {
      for (const [path, content] of Object.entries(unzipped(file.name, await bytes()))) {
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
  return Object.keys(run).length === 0 ? { images } : { run, images };
}

function unzipped(name: string, bytes: Uint8Array): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes);
  } catch {
    throw new Error(`${name} cannot be read as a zip: it is broken or incomplete`);
  }
}

/** Scales images and cuts them to squares; `progress` is told how many are done, a few times a second. */
export async function scaleImages(
  files: readonly File[],
  { size, channels }: { size: number; channels: 1 | 3 },
  progress: (done: number) => void,
): Promise<OwnImages> {
  assertEnough(files.length);
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  const area = size * size;
  const pixels = new Uint8Array(files.length * channels * area);
  let told = performance.now();
  for (const [i, file] of files.entries()) {
    if (performance.now() - told > 250) {
      progress(i);
      told = performance.now();
    }
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
