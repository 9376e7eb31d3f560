/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_NUMBER_H
#define TEMPLATES_LIQUID_NUMBER_H

#include <stddef.h>

#include "templates/liquid/value.h"

/*
 * number - Liquid's arithmetic. Whole numbers have up to 96 bits; others behave
 * as decimals of their shortest digits: 0.1 + 0.2 is 0.3.
 */

/* As a number: strings by "3.5" or a leading integer, all else but numbers 0.
 */
struct value number_of(struct value);

/* Sets *out and returns NULL, or says what is wrong. `op` is one of + - * / %;
 * division and modulo floor. */
const char *number_apply(
    char op, struct value a, struct value b, struct value *out);

/* Half away from zero; whole when digits <= 0. ceil, floor: mode '+', '-'. */
struct value number_round(struct value, char mode, int digits);

/* As Ruby prints a float: 5.0, 1.0e+17. Returns the length. */
#define NUMBER_SIZE 48 /* 128 bits are 39 digits */
size_t number_print(double, char out[NUMBER_SIZE]);
size_t number_print_whole(__int128, char out[NUMBER_SIZE]);
/* The digits of a whole number; NIL when there are too many of them. */
struct value number_read_whole(const char *digits);

#endif
