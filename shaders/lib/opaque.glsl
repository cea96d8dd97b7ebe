// offers   u_one, an int that is always 1
// Multiply a loop's bound by it to keep compilers from unrolling the loop: software drivers take minutes to
// compile a network that is unrolled in full.
uniform int u_one;
