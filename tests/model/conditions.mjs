// SPDX-License-Identifier: MIT
// Pairs: a Liquid text, for the engine, and a JavaScript function, for the
// model. A condition that compares a text with a number cannot be decided: its
// function throws Undecided.
export class Undecided extends Error {}

export class Pair {
	constructor(json, ask) {
		this.json = json
		this.ask = ask // of a scope: an object of user, account, metric, ...
	}

	toJSON() {
		return this.json
	}

	// What cannot be decided does not hold.
	holds(scope) {
		try {
			return this.ask(scope)
		} catch (error) {
			if (error instanceof Undecided) return false
			throw error
		}
	}
}

// The value at a path, null where there is none. A scope's members may be
// functions: they are asked only when they are needed.
export function get(scope, path) {
	let value = scope
	for (const name of path.split('.')) {
		if (value === null || typeof value !== 'object') return null
		value = Object.hasOwn(value, name) ? value[name] : null
		if (typeof value === 'function') value = value()
		if (value === undefined) value = null
	}
	return value
}

const isTrue = (value) => value !== null && value !== false

function order(a, b) {
	if (typeof a !== typeof b) {
		const kinds = [typeof a, typeof b]
		if (kinds.includes('string') && kinds.includes('number'))
			throw new Undecided()
		return NaN
	}
	if (typeof a !== 'number' && typeof a !== 'string') return NaN
	return a < b ? -1 : a > b ? 1 : 0
}

const operators = {
	'==': (a, b) => a === b,
	'!=': (a, b) => a !== b,
	'<': (a, b) => order(a, b) < 0,
	'>': (a, b) => order(a, b) > 0,
	'<=': (a, b) => order(a, b) <= 0,
	'>=': (a, b) => order(a, b) >= 0,
}

const literal = (value) =>
	value === null ? 'nil' : typeof value === 'string' ? `'${value}'` : `${value}`

export const truth = (path) => new Pair(path, (s) => isTrue(get(s, path)))
export const compare = (path, sign, value) =>
	new Pair(`${path} ${sign} ${literal(value)}`,
		(s) => operators[sign](get(s, path), value))

// Liquid's own `and` and `or`, and the objects around conditions.
export const both = (a, b) =>
	new Pair(`${a.json} and ${b.json}`, (s) => a.ask(s) && b.ask(s))
export const either = (a, b) =>
	new Pair(`${a.json} or ${b.json}`, (s) => a.ask(s) || b.ask(s))
export const all = (...parts) =>
	new Pair({ all: parts.map((p) => p.json) },
		(s) => parts.every((p) => p.ask(s)))
export const any = (...parts) =>
	new Pair({ any: parts.map((p) => p.json) },
		(s) => parts.some((p) => p.ask(s)))
export const not = (part) => new Pair({ not: part.json }, (s) => !part.ask(s))

// Values: a path, and sums of paths. What is read without a default must be
// there.
export const value = (path) => new Pair(path, (s) => get(s, path))
export const sum = (a, b, factor) =>
	new Pair(`${a} | default: 0 | plus: ${b} | times: ${factor}`,
		(s) => get(s, b) == null ? null : ((get(s, a) ?? 0) + get(s, b)) * factor)
