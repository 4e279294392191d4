import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const APT = 'sudo apt-get update && sudo apt-get install -y libvulkan1 mesa-vulkan-drivers';
/** Debian 12's own Mesa 22.3 is refused by Dawn: `shaderUniform*ArrayDynamicIndexing required`. */
const bookworm = (mirror: string) =>
  `echo 'deb ${mirror} bookworm-backports main' | sudo tee /etc/apt/sources.list.d/backports.list && ` +
  'sudo apt-get update && sudo apt-get install -y -t bookworm-backports libvulkan1 mesa-vulkan-drivers';

/** The mirror that package sources in apt's formats (`deb …` lines, or `URIs:` fields) name for Debian itself. */
export function mirrorIn(sources: string): string | undefined {
  return /^(?:URIs:|deb)[ \t]*(?:\[[^\]\n]*\][ \t]*)?(https?:\/\/\S*\/debian\/?)(?=\s|$)/m.exec(sources)?.[1];
}

/** This machine's Debian mirror, or words for it where its package sources name none. */
function ownMirror(): string {
  const folder = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...namesIn(folder).map((name) => join(folder, name))];
  return (
    mirrorIn(
      files
        .filter((name) => /\.(list|sources)$/.test(name))
        .map(textOf)
        .join('\n'),
    ) ?? 'MIRROR'
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // no apt here
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const DNF = 'sudo dnf install -y vulkan-loader mesa-vulkan-drivers';
const MACOS = 'nothing to install: Dawn uses Metal, a part of macOS';
const WINDOWS = "the graphics card maker's current driver: Dawn uses Direct3D 12";

/** How to install a Vulkan loader and lavapipe on any system, for messages that cannot know which one it is. */
export const INSTALL_ANYWHERE = [
  ['Debian 12, with its mirror for MIRROR', bookworm('MIRROR')],
  ['Debian 13', APT],
  ['Ubuntu 24.04 and later', APT],
  ['Fedora', DNF],
  ['macOS', MACOS],
  ['Windows', WINDOWS],
] as const;

export interface OperatingSystem {
  name: string;
  /** Installs what the software adapter (or, off Linux, the GPU) needs. */
  install: string;
}

/** This operating system, and the command that installs lavapipe on it. */
export function operatingSystem(): OperatingSystem {
  if (process.platform === 'darwin') return { name: 'macOS', install: MACOS };
  if (process.platform === 'win32') return { name: 'Windows', install: WINDOWS };
  const release = textOf('/etc/os-release'); // empty on a Linux that does not say which it is
  const field = (key: string) => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1] ?? '';
  const name = field('PRETTY_NAME') || process.platform;
  const family = `${field('ID')} ${field('ID_LIKE')}`.trim();
  if (field('VERSION_CODENAME') === 'bookworm') return { name, install: bookworm(ownMirror()) };
  if (/debian|ubuntu/.test(family)) return { name, install: APT };
  if (/fedora|rhel|centos/.test(family)) return { name, install: DNF };
  if (/arch/.test(family)) return { name, install: 'sudo pacman -S vulkan-icd-loader vulkan-swrast' };
  if (/suse/.test(family)) return { name, install: 'sudo zypper install libvulkan1 libvulkan_lvp' };
  if (/alpine/.test(family)) {
    return {
      name,
      install: "none: the webgpu package has no build for Alpine's C library; use a Debian image",
    };
  }
  return { name, install: "your distribution's Vulkan loader and Mesa's software Vulkan driver (lavapipe)" };
}
