// goyield has its body in the runtime. That this package has a file for the assembler, even if an empty one, lets the
// compiler take a declaration without a body.
