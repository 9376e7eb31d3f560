// SPDX-License-Identifier: MIT
// Local time, the slow way: offsets come from the runtime's own zone data, and
// a moment is found by trying every offset that the zone ever has. Moments are
// ms since the epoch, days are counted from 1970-01-01, Monday is 0.
export const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR

const FROM = Date.UTC(2026, 0, 1), TO = Date.UTC(2028, 0, 1)
const tables = new Map()

// [[from, offset], ...] of a zone, or null when there is none of that name.
function table(zone) {
	if (tables.has(zone)) return tables.get(zone)
	let format, list = null
	try {
		format = new Intl.DateTimeFormat('en-US',
			{ timeZone: zone, timeZoneName: 'longOffset' })
	} catch {
		tables.set(zone, null)
		return null
	}
	const ask = (ms) => {
		const name = format.formatToParts(ms)
			.find((part) => part.type === 'timeZoneName').value
		const [, sign, hours, minutes] =
			/^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(name)
		return sign === undefined ? 0
			: (sign === '-' ? -1 : 1) * (hours * HOUR + minutes * MINUTE)
	}
	list = [[-Infinity, ask(FROM)]]
	for (let t = FROM; t < TO; t += DAY) {
		if (ask(t + DAY) === ask(t)) continue
		let low = t, high = t + DAY
		while (high - low > 1000) {
			const middle = low + Math.floor((high - low) / 2000) * 1000
			if (ask(middle) === ask(t)) low = middle
			else high = middle
		}
		list.push([high, ask(high)])
	}
	tables.set(zone, list)
	return list
}

export const isZone = (name) => typeof name === 'string' && table(name) !== null

export function offset(zone, ms) {
	let found = 0
	for (const [from, east] of table(zone)) if (ms >= from) found = east
	return found
}

const local = (zone, ms) => ms + offset(zone, ms)
export const localDay = (zone, ms) => Math.floor(local(zone, ms) / DAY)
const weekday = (day) => (day + 3) % 7

// "2026-03-30T09:00:00+02:00"
export function timeText(zone, ms) {
	const east = offset(zone, ms) / MINUTE, size = Math.abs(east)
	const two = (n) => String(Math.floor(n)).padStart(2, '0')
	return new Date(local(zone, ms)).toISOString().slice(0, 19) +
		(east < 0 ? '-' : '+') + two(size / 60) + ':' + two(size % 60)
}

const everyOffset = (zone) => [...new Set(table(zone).map(([, east]) => east))]

// RFC 5545 section 3.3.5: in a gap with the offset before it, in an overlap the
// first. `wall` is what the clock shows, as if it were UTC.
export function momentOf(zone, wall) {
	const hits = everyOffset(zone).map((east) => wall - east)
		.filter((ms) => local(zone, ms) === wall)
	if (hits.length > 0) return Math.min(...hits)
	for (const [from] of table(zone).slice(1)) {
		const before = offset(zone, from - 1), after = offset(zone, from)
		if (wall >= from + before && wall < from + after) return wall - before
	}
	throw new Error(`${zone} never shows ${wall}`)
}

// The first moment at which the wall shows that minute of that day, or later.
function wallMoment(zone, day, minutes) {
	const wall = day * DAY + minutes * MINUTE
	const tries = everyOffset(zone).map((east) => wall - east)
		.concat(table(zone).slice(1).map(([from]) => from))
	return Math.min(...tries.filter((ms) =>
		Math.abs(ms - wall) < 2 * DAY && local(zone, ms) >= wall))
}

// The first moment at or after t in the window of `day` or a later day.
// A window: { days: [0..6], from, to } in minutes; from === to is all day.
function firstOpen(window, zone, day, t) {
	for (let last = day + 401; day <= last; day++) {
		if (!window.days.includes(weekday(day))) continue
		const whole = window.from === window.to
		const [from, to] = whole ? [0, 1440] : [window.from, window.to]
		const start = wallMoment(zone, day, from)
		const end = wallMoment(zone, day + (to < from ? 1 : 0), to)
		if (start < end && t < end) return Math.max(t, start)
	}
	return -1
}

export function opens(window, zone, t) {
	if (window === null) return t
	const at = firstOpen(window, zone, localDay(zone, t) - 1, t)
	return at >= 0 ? at : t
}

// When step `day: n` of an entry is due (sequences, "When").
export function dayDue(zone, entered, n, window) {
	if (window !== null)
		return n === 0 ? opens(window, zone, entered)
			: firstOpen(window, zone, localDay(zone, entered) + n, entered)
	if (n === 0) return entered
	const rest = ((entered % 1000) + 1000) % 1000
	return momentOf(zone, local(zone, entered - rest) + n * DAY) + rest
}

// "90s 15m 48h 14d 2w", also "-3d"
export function duration(text) {
	const [, sign, n, unit] = /^(-?)(\d+)([smhdw])$/.exec(text)
	const size = { s: 1000, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY }[unit]
	return (sign === '-' ? -1 : 1) * n * size
}

export function windowOf(json) {
	if (json === undefined) return undefined
	if (json === 'any') return null
	const names = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
	const minutes = (text) => text.slice(0, 2) * 60 + +text.slice(3)
	const days = json.days === undefined ? [0, 1, 2, 3, 4, 5, 6]
		: json.days.split(',').flatMap((part) => {
			const [a, b = a] = part.split('-').map((d) => names.indexOf(d))
			return [0, 1, 2, 3, 4, 5, 6].filter((d) =>
				a <= b ? d >= a && d <= b : d >= a || d <= b)
		})
	return { days, from: minutes(json.from ?? '00:00'),
		to: minutes(json.to ?? '00:00'), zone: json.timezone }
}
