/*
** real.h - elementary functions with the same bits on every machine. The C library's log and exp
** choose other code where the processor has fused multiply-add, and compilers fold constant
** calls with other rounding; these use only +, -, *, / and sqrt, which IEEE 754 fixes.
*/
#ifndef ORC_BASE_REAL_H
#define ORC_BASE_REAL_H

#include "base/base.h"

/* Natural logarithm within 2 units in the last place; x >= 0, log 0 = -inf. */
double orc_real_log(double x);

/* To base 2; whole for powers of 2. */
double orc_real_log2(double x);

/* log(1 + x) without loss for small x; x >= -1. */
double orc_real_log1p(double x);

/* e to the x within 2 units in the last place; 0 below -745.2, +inf above 709.8. */
double orc_real_exp(double x);

/* 2 to the x within 2 units in the last place; exact for whole x. */
double orc_real_exp2(double x);

/* x to the y as exp(y log x): relative error about |y log x| 2^-52. x >= 0; 0^y is 0 for y > 0. */
double orc_real_pow(double x, double y);

#endif
