// Builds the Rust side and puts it beside the JavaScript. Runs on `npm install`;
// needs cargo and a C compiler, and nothing from npm.
//
// HOMELAB_SDK_PROFILE=dev builds without optimisation, for tests.
import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const target = fileURLToPath(new URL('lib/homelab_sdk.node', import.meta.url))
const profile = process.env.HOMELAB_SDK_PROFILE ?? 'release'

const cargo = process.env.CARGO ?? 'cargo'
const built = spawnSync(
  cargo,
  ['build', '--locked', '--package', 'homelab-node', '--profile', profile, '--message-format', 'json-render-diagnostics'],
  { cwd: here, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] },
)
if (built.error?.code === 'ENOENT') fail(`${cargo} is not installed: homelab-sdk is built from source, see https://rustup.rs`)
if (built.status !== 0) fail('cargo build failed')

const library = built.stdout
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .filter((message) => message.reason === 'compiler-artifact' && message.target.name === 'homelab_node')
  .flatMap((message) => message.filenames)
  .find((name) => /\.(so|dylib|dll)$/.test(name))
if (library === undefined) fail('cargo built no library')

// Renamed into place: a running process keeps the file that it has mapped.
copyFileSync(library, `${target}.part`)
renameSync(`${target}.part`, target)

function fail(message) {
  console.error(`homelab-sdk: ${message}`)
  process.exit(1)
}
