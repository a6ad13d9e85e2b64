// Every page in a real browser against the stand-in hub: readable by all (axe), usable on a phone, in words when something is wrong, live.
// One file to vitest, so that the application is built once and one browser opened; what is tested stands in `pages/`, by who uses it.
import { useStand } from './pages/stand.ts';
import './pages/every-page.ts';
import './pages/entry.ts';
import './pages/wrong.ts';
import './pages/manager.ts';
import './pages/alerts.ts';
import './pages/places.ts';
import './pages/residents.ts';
import './pages/care.ts';
import './pages/own-record.ts';
import './pages/access.ts';
import './pages/documents.ts';
import './pages/devices.ts';
import './pages/maker.ts';
import './pages/account.ts';

useStand();
