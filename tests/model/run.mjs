// SPDX-License-Identifier: MIT
// Plays random histories through the engine (play.c) and through the model, and
// tells the first difference.
//
//	node run.mjs [--count N] [--from SEED] [--length ARRIVALS]
//	    [--without FEATURE,..] [--only FEATURE,..] [--most FAILURES]
//	node run.mjs --seed SEED [--all]	one history, shrunk and shown
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { FEATURES, randomHistory, toLine } from './histories.mjs'
import { run } from './model.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
export const program = process.env.NUDGE_PLAY ??
	path.resolve(here, '../../build/tests/play')
const SET = 50 // histories in one run of the program
// Definitions are written for each history: in memory, if there is a place.
const env = { ...process.env,
	TMPDIR: fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir() }

// The calls of each history; the last may end early when the program fails.
export function play(histories) {
	const child = spawnSync(program, { input: histories.map(toLine).join(''),
		maxBuffer: 2 ** 30, encoding: 'utf8', env })
	if (child.error && child.error.code !== 'EPIPE') throw child.error
	const played = [[]]
	// What follows the last line feed is what a program that died began to say.
	for (const line of child.stdout.split('\n').slice(0, -1)) {
		if (line === '{}') played.push([])
		else if (line !== '') played.at(-1).push(JSON.parse(line))
	}
	const unfinished = played.pop()
	const failure = child.status === 0 ? null
		: child.stderr.trim() || `it ended with ${child.signal ?? child.status}`
	return { played, unfinished, failure }
}

// What decided, without the words around it.
function whyOf({ what, reason }) {
	if (what === 'waited') return reason.startsWith('no ') ? 'no' : 'came'
	if (what === 'skipped')
		return /^(late|overtaken by \S+|holdout)/.exec(reason)?.[1] ?? 'condition'
	if (what === 'refused')
		return /; (cooldown|would leave|entered on|it happened before)/.exec(reason)?.[1]
			.replace('it happened ', '').replace('before', 'before the last exit')
			.replace('entered on', 'entered') ?? 'condition'
	return undefined
}

function simple(call) {
	return {
		now: call.now, call: call.call, who: call.who,
		decisions: call.decisions.map(({ reason, why, ...rest }) => ({ ...rest,
			why: (reason === undefined ? why : whyOf({ ...rest, reason })) ?? null })),
		subjects: call.subjects,
	}
}

// Numbers are the same to within what sums of doubles may differ by.
function same(a, b) {
	if (a === b) return true
	if (typeof a === 'number' && typeof b === 'number')
		return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b))
	if (a === null || b === null || typeof a !== 'object' ||
		typeof b !== 'object' || Array.isArray(a) !== Array.isArray(b)) return false
	const keys = Object.keys(a).filter((k) => a[k] !== undefined)
	return keys.length ===
		Object.keys(b).filter((k) => b[k] !== undefined).length &&
		keys.every((k) => same(a[k], b[k]))
}

// Index of the first call that differs, or -1.
function difference(engine, model) {
	for (let i = 0; i < Math.max(engine.length, model.length); i++)
		if (!engine[i] || !model[i] || !same(simple(engine[i]), simple(model[i])))
			return i
	return -1
}

export function check(history, engine) {
	const model = []
	try {
		run(history, model)
	} catch (error) {
		model.push({ call: error.message, decisions: [], subjects: {} })
	}
	return { engine, model, index: difference(engine, model) }
}

// A failing history with as few steps as still fail.
function shrink(history) {
	const fails = (steps) => {
		const smaller = { ...history, steps }
		try {
			const { played, failure } = play([smaller])
			return failure !== null || check(smaller, played[0]).index >= 0
		} catch {
			return true
		}
	}
	let { steps } = history
	for (let size = steps.length >> 1; size > 0; size >>= 1)
		for (let i = 0; i + size <= steps.length;) {
			const fewer = steps.filter((_, k) => k < i || k >= i + size)
			if (fails(fewer)) steps = fewer
			else i += size
		}
	return { ...history, steps }
}

// ------------------------------------------------------------------- showing

const time = (ms) => ms === undefined ? '' :
	new Date(ms).toISOString().slice(5, 23).replace('T', ' ')

function* lines(call) {
	const { now, call: name, who, decisions, subjects } = simple(call)
	yield `${time(now)}Z ${name} ${who}`
	for (const { what, sequence, entry, step, ...rest } of decisions) {
		const more = Object.entries(rest)
			.filter(([, v]) => v !== null && v !== false && v !== undefined)
			.map(([k, v]) => `${k} ${['due', 'expires', 'entered'].includes(k) && v
				? time(v) : JSON.stringify(v)}`)
		yield `    ${what} ${sequence}/${entry} ${step ?? ''} ${more.join(', ')}`
	}
	for (const [subject, { wake, metrics }] of Object.entries(subjects)) {
		for (const [metric, value] of Object.entries(metrics).sort())
			yield `    ${subject}.${metric} = ${JSON.stringify(value)}`
		yield `    ${subject} wakes ${wake ? time(wake) : 'never'}`
	}
}

function show(history, { engine, model, index }) {
	console.log(`zone ${history.zone}`)
	history.definitions.forEach(({ metrics, sequences }, i) => {
		const before = history.definitions[i - 1] ?? { metrics: {}, sequences: {} }
		if (i > 0 && !history.steps.some((s) => s.reload === i)) return
		console.log(i === 0 ? 'definitions' : `definitions ${i}`)
		for (const [now, old] of [[metrics, before.metrics],
			[sequences, before.sequences]]) {
			for (const [name, one] of Object.entries(now))
				if (JSON.stringify(one) !== JSON.stringify(old[name]))
					console.log(`  ${name} ${JSON.stringify(one)}`)
			for (const name of Object.keys(old))
				if (!now[name]) console.log(`  ${name} is gone`)
		}
	})
	console.log('arrivals')
	for (const { now, at, ...step } of history.steps)
		console.log(`  ${time(now)}Z ${JSON.stringify(step)}` +
			(at === undefined || at === now ? '' : ` of ${time(at)}Z`))
	console.log('calls, until they differ')
	for (const call of model.slice(Math.max(0, index - 12), index))
		for (const line of lines(call))
			if (!line.includes(' = ')) console.log(`  ${line}`)
	const [left, right] = [engine[index], model[index]]
		.map((call) => call ? [...lines(call)] : ['(nothing)'])
	console.log('the engine says (-), the model says (+)')
	const both = [...new Set([...left, ...right])]
	for (const line of both)
		console.log(`${!left.includes(line) ? '+' : !right.includes(line) ? '-'
			: ' '} ${line}`)
	for (const { reason } of engine[index]?.decisions ?? [])
		console.log(`    ${reason}`)
	if (engine[index]) console.log(engine[index].state)
}

// Returns the seeds that fail, at most `most`.
export function search({ from = 1, count = 2000, most = 1, ...options }) {
	const failed = []
	for (let seed = from; seed < from + count && failed.length < most;
		seed += SET) {
		const seeds = Array.from({ length: Math.min(SET, from + count - seed) },
			(_, i) => seed + i)
		const histories = seeds.map((s) => randomHistory(s, options))
		for (let i = 0; i < seeds.length;) {
			const { played, failure } = play(histories.slice(i))
			for (const calls of played) {
				const { index } = check(histories[i], calls)
				if (index >= 0)
					failed.push({ seed: seeds[i], why: `call ${index} differs` })
				i++
			}
			if (failure) failed.push({ seed: seeds[i++], why: failure })
		}
	}
	return failed
}

function main() {
	const { values } = parseArgs({ options: {
		seed: { type: 'string' }, count: { type: 'string', default: '2000' },
		from: { type: 'string', default: '1' }, length: { type: 'string' },
		without: { type: 'string', default: '' }, most: { type: 'string' },
		only: { type: 'string' }, all: { type: 'boolean' } } })
	const without = values.only === undefined ? values.without.split(',')
		: FEATURES.filter((f) => !values.only.split(',').includes(f))
	const options = { without, length: Number(values.length ?? 50) }
	if (values.seed !== undefined) {
		const whole = randomHistory(Number(values.seed), options)
		const history = values.all ? whole : shrink(whole)
		const { played, unfinished, failure } = play([history])
		if (failure) console.log(`the engine failed: ${failure}`)
		const found = check(history, played[0] ?? unfinished)
		if (found.index >= 0) show(history, found)
		console.log(found.index < 0 ? 'the engine and the model agree'
			: `they differ at call ${found.index}`)
		process.exit(found.index < 0 ? 0 : 1)
	}
	const began = Date.now(), count = Number(values.count)
	const failed = search({ ...options, from: Number(values.from), count,
		most: Number(values.most ?? 10) })
	for (const { seed, why } of failed) console.log(`seed ${seed}: ${why}`)
	console.log(`${count} histories from seed ${values.from} in ` +
		`${(Date.now() - began) / 1000} s: ${failed.length} failed`)
	process.exit(failed.length > 0 ? 1 : 0)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
