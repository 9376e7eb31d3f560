// mulberry32: numbers by chance from 0 up to 1, the same ones for the same seed.
export function randomFrom(seed) {
	let state = seed
	return () => {
		state = (state + 0x6d2b79f5) | 0
		let x = Math.imul(state ^ (state >>> 15), 1 | state)
		x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
		return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
	}
}
