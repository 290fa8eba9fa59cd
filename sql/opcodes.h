// The instruction set, as one table: OP(name, a, b, c). Included many times. An instruction is four
// 16-bit fields {op, a, b, c}: wider than the classic single bytes, because a statement may hold
// thousands of list items and no limit below WR_SQL_CODE_MAX would be explainable to its author.
// Operand kinds (used by verifier and disassembler): REG a register that is read or written, CONST
// an index of the constants, PATH of the paths, VAR of the SET variables, FUNC of the function
// table, JUMP an absolute instruction, NUM a plain number, NONE nothing (must be 0). ARGS in `a`
// with the count in `c`: registers a .. a+c-1 are the arguments, the result goes to a. Each comment
// is the specification and what `weir explain` prints.

// a := constant b.
OP(LOAD_CONST, REG, CONST, NONE)
// a := the payload value at path b, decoded (and remembered decoded for the other rules).
OP(LOAD_PATH, REG, PATH, NONE)
// a := the payload value at path b; texts, Arrays and Objects are left as they stand in the
// message.
OP(LOAD_SOURCE, REG, PATH, NONE)
// a := SET variable b.
OP(LOAD_VAR, REG, VAR, NONE)
// SET variable a := b. Fails the rule when the variables pass their size limit.
OP(STORE_VAR, VAR, REG, NONE)
// a := b.
OP(MOVE, REG, REG, NONE)
// a := member named by constant c of b; Undefined unless b is an Object that has it.
OP(MEMBER, REG, REG, CONST)
// a := get(b, c).
OP(INDEX, REG, REG, REG)
// a := b AND c, strictly: both sides must be Booleans or Boolean texts.
OP(AND, REG, REG, REG)
// a := b OR c, strictly.
OP(OR, REG, REG, REG)
// a := NOT b.
OP(NOT, REG, REG, NONE)
// a := (b = c).
OP(EQ, REG, REG, REG)
// a := (b <> c).
OP(NE, REG, REG, REG)
// a := (b < c), as numbers.
OP(LT, REG, REG, REG)
// a := (b <= c), as numbers.
OP(LE, REG, REG, REG)
// a := (b > c), as numbers.
OP(GT, REG, REG, REG)
// a := (b >= c), as numbers.
OP(GE, REG, REG, REG)
// a := (b IN c).
OP(IN, REG, REG, REG)
// a := b + c: concatenation when a side is a String.
OP(ADD, REG, REG, REG)
// a := b - c.
OP(SUB, REG, REG, REG)
// a := b * c.
OP(MUL, REG, REG, REG)
// a := b / c.
OP(DIV, REG, REG, REG)
// a := b % c.
OP(MOD, REG, REG, REG)
// a := -b.
OP(NEG, REG, REG, NONE)
// a := b cast to type c.
OP(CAST, REG, REG, NUM)
// The next CALL has the payload itself as those arguments whose bits are set in b.
OP(STAR_ARGS, NONE, NUM, NONE)
// a := function b of the arguments a .. a+c-1.
OP(CALL, ARGS, FUNC, NUM)
// a := look-up b of the arguments a .. a+c-1; may suspend the message.
OP(LOOKUP, ARGS, FUNC, NUM)
// Go on at c.
OP(JUMP, NONE, NONE, JUMP)
// Go on at c unless a is true.
OP(JUMP_NOT_TRUE, REG, NONE, JUMP)
// Go on at c if a is Undefined.
OP(JUMP_UNDEFINED, REG, NONE, JUMP)
// Go on at c if a is a value other than Undefined and Null.
OP(JUMP_PRESENT, REG, NONE, JUMP)
// Unless a is true, end the program: no match.
OP(REQUIRE, REG, NONE, NONE)
// Unless (b = c) is true, end the program: no match.
OP(REQUIRE_EQ, NONE, REG, REG)
// Unless (b <> c) is true, end the program: no match.
OP(REQUIRE_NE, NONE, REG, REG)
// Unless (b < c) is true, end the program: no match.
OP(REQUIRE_LT, NONE, REG, REG)
// Unless (b <= c) is true, end the program: no match.
OP(REQUIRE_LE, NONE, REG, REG)
// Unless (b > c) is true, end the program: no match.
OP(REQUIRE_GT, NONE, REG, REG)
// Unless (b >= c) is true, end the program: no match.
OP(REQUIRE_GE, NONE, REG, REG)
// a := an empty list to push to.
OP(ARRAY_NEW, REG, NONE, NONE)
// Push b to the list a; Undefined adds nothing.
OP(ARRAY_PUSH, REG, REG, NONE)
// a := the list as an Array.
OP(ARRAY_DONE, REG, NONE, NONE)
// a := an empty object to set members of.
OP(OBJECT_NEW, REG, NONE, NONE)
// Append member constant b := c to the object a, whose names are known to differ.
OP(OBJECT_PUT, REG, CONST, REG)
// Set member constant b of the object a to c, in the place of an earlier one.
OP(OBJECT_SET, REG, CONST, REG)
// Set the member that constant b (an Array of names) leads to, building Objects on the way.
OP(OBJECT_SET_PATH, REG, CONST, REG)
// Merge the members of b into the object a, if b is an Object.
OP(OBJECT_MERGE, REG, REG, NONE)
// a := the object.
OP(OBJECT_DONE, REG, NONE, NONE)
// a := an iteration over b: the items of an Array, an Object as one row. Others: go on at c.
OP(ROWS, REG, REG, JUMP)
// a := the next row of b; none left: go on at c.
OP(NEXT, REG, REG, JUMP)
// a := whether the Array b has an item.
OP(EXISTS, REG, REG, NONE)
// End: the rule matches with result a. With b = 1 a top-level Array is Undefined (2015-10-08).
OP(RESULT, REG, NUM, NONE)
// End: the rule matches, the result is the payload itself, byte for byte. With b = 1 an Array is
// Undefined (2015-10-08).
OP(RESULT_PAYLOAD, REG, NUM, NONE)
// a := an empty text.
OP(TEXT_NEW, REG, NONE, NONE)
// Append constant b to the text a.
OP(TEXT_CONST, REG, CONST, NONE)
// Append b as a template inserts it to the text a.
OP(TEXT_VALUE, REG, REG, NONE)
// End: the template is the text a.
OP(TEXT_RESULT, REG, NONE, NONE)
