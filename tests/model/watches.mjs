// SPDX-License-Identifier: MIT
// What a watch has come to, from all that it was ever shown, in order. Each
// sight is { now, mode, value, since, moment, event: { name, at } }; the mode is
// "now", "history" (an old event) or "past" (being brought up to date): only
// "now" fires.
//
// Returns { due, fires }: when it fires if nothing changes (0: never), and, if
// the last sight made it fire, the moment it was due and the best value.
const isNumber = (value) => typeof value === 'number'

function followThreshold(t, sights) {
	const level = t.below ?? t.above, rearm = t.rearm ?? level
	const isPast = (v) => t.below !== undefined ? v < level : v > level
	const isAtRearm = (v) => t.below !== undefined ? v >= rearm : v <= rearm
	let state = 'armed', due = 0, fires = null

	for (const { now, mode, value, event, isOver } of sights) {
		fires = null
		if (isOver) {
			// only what is due is looked at
		} else if (state === 'spent') {
			if (isNumber(value) && isAtRearm(value)) state = 'armed'
		} else if (!isNumber(value) || !isPast(value)) {
			state = 'armed'
		} else if (state === 'armed' && mode !== 'now') {
			state = 'spent'
		} else if (state === 'armed') {
			state = 'counting'
			due = t.dwell !== undefined ? now + t.period : event?.at ?? now
		}
		if (state === 'counting' && due <= now && mode !== 'history') {
			state = 'spent'
			if (mode === 'now') fires = { at: due }
		}
	}
	return { due: state === 'counting' ? due : 0, fires }
}

function followStagnant(t, sights) {
	let best = null, due = 0, fires = null

	for (const { now, mode, value, isOver } of sights) {
		fires = null
		const rises = isNumber(value) && !isOver && (best === null ||
			(t.gain === undefined ? value > best : value - best >= t.gain))
		if (rises) {
			best = value
			due = now + t.period
		}
		if (due !== 0 && due <= now && mode !== 'history') {
			if (mode === 'now') fires = { at: due, best }
			due = 0
		}
	}
	return { due, fires }
}

// The latest `after` counts; any answer that is not older than it will do. An
// event that is waited for after itself is no answer to itself.
function followMissing(t, sights) {
	let asked = -Infinity, answered = -Infinity, spent = -Infinity, fires = null

	for (const { now, mode, event } of sights) {
		const due = asked + t.period
		fires = null
		const asks = event?.name === t.after
		if (asks && mode !== 'history') asked = Math.max(asked, event.at)
		if (!asks && event?.name === t.missing)
			answered = Math.max(answered, event.at)
		const isNew = asked + t.period !== due
		if (answered >= asked || spent >= asked || asked + t.period > now ||
			(mode === 'history' && !isNew)) continue
		spent = asked
		if (mode === 'now') fires = { at: asked + t.period }
	}
	const isOpen = asked > answered && asked > spent
	return { due: isOpen ? asked + t.period : 0, fires }
}

// Counts from the newest event or `since`, whichever is later.
function followIdle(t, sights) {
	let newest = 0, spent = 0, from = 0, fires = null

	for (const { now, mode, event, since, isOver } of sights) {
		const before = from
		fires = null
		if (event?.name === t.idle_of && !isOver)
			newest = Math.max(newest, event.at)
		if (!isOver)
			from = t.since !== undefined && since === null ? 0
				: Math.max(newest, since ?? 0)
		if (from <= spent || from + t.period > now ||
			(mode === 'history' && from === before)) continue
		spent = from
		if (mode === 'now') fires = { at: from + t.period }
	}
	return { due: from > spent ? from + t.period : 0, fires }
}

// Follows the date; a moment that was past by more than the grace when it was
// first seen does not fire any more, nor does one that has had its turn.
function followDate(t, sights) {
	let spent = 0, due = 0, fires = null

	for (const { now, mode, moment, grace, isOver } of sights) {
		const before = due
		fires = null
		if (!isOver) {
			due = moment === null || moment === spent ? 0 : moment + t.period
			if (due !== 0 && due !== before && due + grace < now) {
				spent = moment
				due = 0
			}
		}
		if (due === 0 || due > now || (mode === 'history' && due === before))
			continue
		if (mode === 'now') fires = { at: due }
		spent = due - t.period
		due = 0
	}
	return { due, fires }
}

export const followers = { metric: followThreshold, stagnant: followStagnant,
	missing: followMissing, idle: followIdle, date: followDate }
