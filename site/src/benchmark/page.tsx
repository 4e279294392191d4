import { render } from 'preact';
import { Shell } from '../ui/shell.tsx';

render(<Shell page="benchmark">…</Shell>, document.getElementById('app')!);
