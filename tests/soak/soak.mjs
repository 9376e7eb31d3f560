// Months of a small company in minutes: people sign up, work, and are forgotten
// two months later. From then on one worker lives as long as it takes, and what
// it needs should stay as much as it is, though the relay puts all off for some
// hours each month, and templates change.
//
//	node soak.mjs [DAYS [SIGNUPS [SEED]]]	signups a day
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { identify, smtpChannel, smtpSink, track, Worker, workspace } from '../e2e/lib.mjs'
import { randomFrom } from '../random.mjs'

const days = Number(process.argv[2] ?? 300)
const signups = Number(process.argv[3] ?? 10)
const seed = Number(process.argv[4] ?? Date.now() % 1e9)
const HOUR = 3600e3, DAY = 24 * HOUR, STAY = 60, MOVES = 4, PATIENCE_MS = 120e3, SLACK = 1.1
const START = Date.parse('2026-01-01T00:00:00Z')
const ZONES = ['America/Los_Angeles', 'America/Sao_Paulo', 'America/New_York', 'UTC',
	'Europe/Berlin', 'Asia/Kolkata', 'Australia/Sydney', 'Pacific/Auckland']

if (!(days > STAY + 10)) throw new Error(`more than ${STAY + 10} days are needed`)
const random = randomFrom(seed)

const cleanups = []
const context = { after: (fn) => cleanups.push(fn) }
let isPutOff = false
const sink = await smtpSink(context, { refuse: (stage) =>
	isPutOff && stage === 'rcpt' ? [452, 'come back tomorrow'] : null })
const dir = await workspace(context, (settings) => {
	settings.channels.email = smtpChannel(sink)
	settings.retention = '30d'
})

// Each mail of the thirty days at most once, in the two hours of its reader.
const zoneOf = (n) => ZONES[n % ZONES.length]
const clocks = new Map(ZONES.map((zone) => [zone, new Intl.DateTimeFormat('en-GB',
	{ timeZone: zone, weekday: 'short', hour: '2-digit', hourCycle: 'h23' })]))
const seen = new Set()
let mails = 0
sink.mails.push = ({ raw, to }) => {
	const head = raw.toString('latin1').split('\r\n\r\n', 1)[0]
	const step = /^Feedback-ID: onboarding:(welcome|day-\d+):/mi.exec(head)?.[1]
	const at = Date.parse(/^Date: (.*)/mi.exec(head)[1])
	const number = Number(/^u(\d+)@/.exec(to[0])?.[1])
	mails++
	if (!step) return
	const key = `${to[0]} ${step}`
	assert.ok(!seen.has(key), `${key} came twice`)
	seen.add(key)
	if (step === 'welcome') return
	const local = Object.fromEntries(clocks.get(zoneOf(number)).formatToParts(at)
		.map(({ type, value }) => [type, value]))
	assert.ok(['09', '10'].includes(local.hour) && !/Sat|Sun/.test(local.weekday),
		`${key} at ${new Date(at).toISOString()}, ${zoneOf(number)}`)
}

// What a person does on the nth day: some never start, most do less and less.
function work(id, n) {
	const keen = Number(id.slice(1)) % 5
	if (random() > keen / (5 + n)) return []
	const what = random()
	return [track(id, what < 0.1 ? 'Task Failed' : what < 0.13 ? 'Support Contacted'
		: 'Task Succeeded', { workflow: `w${Math.floor(random() * 3)}` })]
}

const memory = (worker) => Number(/VmRSS:\s+(\d+)/.exec(
	fs.readFileSync(`/proc/${worker.child.pid}/status`, 'utf8'))[1])
const files = (worker) => fs.readdirSync(`/proc/${worker.child.pid}/fd`).length
const data = path.join(dir, 'data')
const stored = () => fs.readdirSync(data).filter((name) => name.startsWith('nudge.db'))
	.reduce((sum, name) => sum + fs.statSync(path.join(data, name)).size, 0) / 1024

const at = (day) => new Date(START + day * DAY).toISOString()
const start = (day) => Worker.start(context, dir, { clock: at(day) })
let worker = await start(0), people = 0, events = 0, logs = ''
process.on('exit', () => worker.child.kill('SIGKILL'))
async function again(day, signal) {
	await worker.kill(signal)
	logs += worker.log
	worker = await start(day)
}

async function live(day) {
	if (day === 20) await again(day, 'SIGKILL')
	if (day === STAY) await again(day, 'SIGTERM')
	if (day % 30 === 25)
		fs.appendFileSync(path.join(dir, 'templates/day-07-tips.md'), '\nOne more.\n')
	for (let move = 0; move < MOVES; move++) {
		const batch = []
		for (let i = move; i < signups; i += MOVES) {
			const id = `u${people++}`
			batch.push(identify(id, { email: `${id}@example.com`, plan: 'free',
				timezone: zoneOf(people - 1) }), track(id, 'Signed Up'))
		}
		for (let n = Math.max(0, people - STAY * signups); n < people; n++)
			if (n % MOVES === move)
				batch.push(...work(`u${n}`, (people - n) / signups))
		for (let i = 0; i < batch.length; i += 100)
			await worker.events(...batch.slice(i, i + 100))
		events += batch.length
		isPutOff = day % 30 === 10 && move === 1
		await worker.moveTo(at(day + (move + 1) / MOVES), PATIENCE_MS)
	}
	for (let n = people - (STAY + 1) * signups; n < people - STAY * signups; n++)
		if (n >= 0) await worker.get(`/v1/people/u${n}/forget`, {})
}

const samples = []
const started = Date.now()
for (let day = 0; day < days; day++) {
	await live(day)
	samples.push({ memory: memory(worker), files: files(worker), stored: stored() })
	if (day % 30 === 29)
		console.log(`day ${day + 1} of ${days}: ${mails} mails, ${samples[day].memory} KB ` +
			`of memory, ${Math.round(samples[day].stored)} KB stored`)
}
await again(days, 'SIGTERM')

// After the first two months the second half should be as the first.
const [before, after] = [0, 1].map((half) => {
	const length = Math.floor((days - STAY) / 2)
	return samples.slice(STAY + half * length, STAY + (half + 1) * length)
})
const most = (list, what) => Math.max(...list.map((sample) => sample[what]))
console.log(`${days} days in ${Math.round((Date.now() - started) / 1000)} s: ${people} people, ` +
	`${events} events, ${mails} mails`)
for (const what of ['memory', 'files', 'stored']) {
	console.log(`${what}: ${Math.round(most(before, what))}, then ${Math.round(most(after, what))}`)
	assert.ok(most(after, what) <= most(before, what) * SLACK, `${what} grows (seed ${seed})`)
}
assert.ok(seen.size > people, `only ${seen.size} mails of the thirty days`)
assert.doesNotMatch(logs, /"level":"error"/)
for (const end of cleanups.reverse()) await end()
