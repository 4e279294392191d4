import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

/** A Vulkan driver as announced to the loader by a manifest (an ICD file). */
export interface VulkanDriver {
  manifest: string;
  /** Absent if the linker must search for it and it is in none of the usual places. */
  library?: string;
  /** Mesa's version, for lavapipe only. */
  mesa?: string;
  problem?: string;
}

/** The manifests that a Vulkan loader reads, in its order. */
function manifests(): string[] {
  const forced = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  if (forced) return forced.split(delimiter).filter(Boolean);
  const { XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = process.env;
  const bases = [
    XDG_CONFIG_HOME || join(homedir(), '.config'),
    ...(XDG_CONFIG_DIRS || '/etc/xdg').split(delimiter),
    '/etc',
    XDG_DATA_HOME || join(homedir(), '.local/share'),
    ...(XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(delimiter),
  ];
  return bases
    .map((base) => join(base, 'vulkan/icd.d'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .map((name) => join(folder, name)),
    );
}

function locate(manifest: string, library: string): string | undefined {
  if (library.includes('/')) return resolve(dirname(manifest), library);
  const gnu = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  return [`/usr/lib/${gnu}`, '/usr/lib64', '/usr/lib', '/usr/local/lib']
    .map((folder) => join(folder, library))
    .find((path) => existsSync(path));
}

function inspect(manifest: string): VulkanDriver {
  try {
    const { ICD } = JSON.parse(readFileSync(manifest, 'utf8')) as { ICD: { library_path: string } };
    const library = locate(manifest, ICD.library_path);
    if (library && !existsSync(library)) return { manifest, library, problem: 'the library is missing' };
    const driver: VulkanDriver = library ? { manifest, library } : { manifest };
    if (library && /libvulkan_lvp/.test(library)) {
      const version = /Mesa (\d+\.\d+\.\d+)/.exec(readFileSync(library, 'latin1'))?.[1];
      if (version) driver.mesa = version;
    }
    return driver;
  } catch (error) {
    return { manifest, problem: (error as Error).message };
  }
}

/** The Vulkan drivers installed on this Linux system, whether or not they work. */
export function vulkanDrivers(): VulkanDriver[] {
  if (process.platform !== 'linux') return [];
  try {
    return manifests().map(inspect);
  } catch {
    return []; // no home, or a folder that may not be read
  }
}

/** What the kernel knows about graphics hardware, for a hint when no driver offers it. */
export function hardwareHints(): string[] {
  if (process.platform !== 'linux') return [];
  const hints: string[] = [];
  if (existsSync('/dev/nvidiactl')) {
    hints.push(
      "an NVIDIA GPU is there, but its Vulkan driver is not: install NVIDIA's driver with its Vulkan part " +
        '(Debian: nvidia-vulkan-icd; Ubuntu: libnvidia-gl-…); in a container, set NVIDIA_DRIVER_CAPABILITIES=all',
    );
  }
  try {
    for (const node of readdirSync('/dev/dri').filter((name) => name.startsWith('renderD'))) {
      const path = join('/dev/dri', node);
      try {
        accessSync(path, constants.R_OK | constants.W_OK);
      } catch {
        hints.push(
          `${path} may not be opened by this user: sudo usermod -aG render,video "$USER", then log in again`,
        );
      }
    }
  } catch {
    // no /dev/dri: no GPU, or none that Mesa drives
  }
  return hints;
}
