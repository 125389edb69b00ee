/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotations as unit quaternions, w x y z, and as rotation vectors (axis times
 * angle, radians).
 */
#ifndef HMR_TURN_H
#define HMR_TURN_H

/* Of a row-major matrix that is a rotation within float's accuracy, and back. */
void hmr_turn_from_matrix(double q[4], const float r[9]);
void hmr_turn_to_matrix(float r[9], const double q[4]);
/* out = a b, and a^-1 b; out may be either. */
void hmr_turn_mul(double out[4], const double a[4], const double b[4]);
void hmr_turn_between(double out[4], const double a[4], const double b[4]);
/* The short way, at most pi long, and back; of length 1 whatever v is. */
void hmr_turn_log(double v[3], const double q[4]);
void hmr_turn_exp(double q[4], const double v[3]);

#endif
