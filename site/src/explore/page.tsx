import { render } from 'preact';
import { Shell } from '../ui/shell.tsx';

render(<Shell page="explore">…</Shell>, document.getElementById('app')!);
