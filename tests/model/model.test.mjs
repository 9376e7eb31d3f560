// SPDX-License-Identifier: MIT
// The engine and the slow model agree on random histories. NUDGE_HISTORIES says
// on how many, NUDGE_SEED from which seed (by default another one each day).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { search } from './run.mjs'

const count = Number(process.env.NUDGE_HISTORIES ?? 2000)
const from = Number(process.env.NUDGE_SEED ??
	1 + Math.floor(Date.now() / 86400000) % 10000 * 10000)

test(`${count} histories, from seed ${from}`, () => {
	const failed = search({ from, count, most: 5 })

	assert.deepEqual(failed, [],
		`node tests/model/run.mjs --seed ${failed[0]?.seed} shows the first`)
})
