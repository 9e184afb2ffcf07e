/* Made by `python -m agent.translate --write`, which says what for; not to be changed by hand. */

/* level, a reading: 306 instructions */
static void program_0(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28]; const double r29 = k[29]; const double r30 = k[30]; const double r31 = k[31];
    const double r32 = k[32]; const double r33 = k[33]; const double r34 = k[34]; const double r35 = k[35];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step);
        double r36 = 0.0; double r37 = 0.0; double r38 = 0.0; double r39 = 0.0; double r40 = 0.0; double r41 = 0.0;
        double r42 = 0.0; double r43 = 0.0; double r44 = 0.0; double r45 = 0.0; double r46 = 0.0; double r47 = 0.0;
        double r48 = 0.0; double r49 = 0.0; double r50 = 0.0; double r51 = 0.0; double r52 = 0.0; double r53 = 0.0;
        double r54 = 0.0; double r55 = 0.0;
        r36 = WIDE(0, 0); r37 = r36 < r0 ? 1.0 : 0.0; r38 = r36 > r1 ? 1.0 : 0.0; r39 = WIDE(1, 0);
        r40 = series[1][step]; r41 = WIDE(2, 0); WIDE(2, 0) = r40; r41 = r40 - r41; r41 = fabs(r41); r42 = r39 * r3;
        r43 = r41 > r1 ? 1.0 : 0.0; r44 = ((r38 != 0.0) & (r43 != 0.0)) ? 1.0 : 0.0; if (r37 != 0.0) {
        if (r38 != 0.0) { r45 = r36 > r2 ? r42 : r41; r45 = r41 < r45 ? r41 : r45; r45 = r45 - r39; r46 = r41 * r4;
        r46 = r46 < r39 ? 1.0 : 0.0; r46 = ((r43 != 0.0) & (r46 != 0.0)) ? 1.0 : 0.0; r47 = r36 < r5 ? r36 : r5;
        r48 = r36 > r2 ? r36 : r2; r48 = r46 != 0.0 ? r47 : r48; r48 = r45 / r48; r48 = r39 + r48; }
        r48 = r38 != 0.0 ? r48 : r1; } if (r37 == 0.0) { if (r44 != 0.0) { r38 = r39 > r1 ? 1.0 : 0.0;
        if (r38 != 0.0) { r42 = r41 < r42 ? r41 : r42; r42 = r42 - r39; r42 = r42 * r6 + r39; }
        r42 = r38 != 0.0 ? r42 : r41; } r42 = r44 != 0.0 ? r42 : r39; } r42 = r37 != 0.0 ? r48 : r42;
        WIDE(1, 0) = r42; r48 = WIDE(3, 0); r38 = r41 < r48 ? r41 : r48; r41 = r48 > r1 ? r38 : r41;
        r41 = r44 != 0.0 ? r41 : r48; WIDE(3, 0) = r41; r44 = WIDE(4, 0); WIDE(5, 0) = r44; r38 = r40 - r44;
        r45 = r38 * r38; r47 = WIDE(6, 0); r46 = WIDE(7, 0); r49 = WIDE(8, 0); r50 = r46 * r49; r51 = WIDE(9, 0);
        r50 = r50 / r51; r52 = series[0][step]; r53 = WIDE(10, 0); WIDE(10, 0) = r52; r53 = r52 - r53;
        r47 = r50 * r53 + r47; r50 = r41 > r1 ? 1.0 : 0.0; r42 = r42 * r42; r41 = r41 * r41; r41 = r41 / r0;
        r40 = r40 * r40; r52 = r40 * r7 + r8; r52 = r41 > r52 ? r41 : r52; r40 = r40 > r9 ? r40 : r9; r40 = r40 * r9;
        if (r37 != 0.0) { r41 = r42 * r10; r41 = r41 > r52 ? r41 : r52; r41 = r50 != 0.0 ? r41 : r40; }
        if (r37 == 0.0) { if (r50 != 0.0) { r42 = r42 * r11; r52 = r42 > r52 ? r42 : r52; r52 = r49 < r52 ? r49 : r52;
        } r40 = r50 != 0.0 ? r52 : r40; } r40 = r37 != 0.0 ? r41 : r40; r41 = r47 + r40; WIDE(11, 0) = r41;
        r52 = r45 / r41; WIDE(12, 0) = r52; r50 = r52 > r4 ? 1.0 : 0.0; r49 = (double)NARROWED(13, 0); r42 = r49 + r2;
        r54 = r42 >= r12 ? 1.0 : 0.0; r54 = ((r50 != 0.0) & (r54 != 0.0)) ? 1.0 : 0.0; r42 = r54 != 0.0 ? r1 : r42;
        r42 = r50 != 0.0 ? r42 : r1; NARROWED(13, 0) = (float)r42; r42 = r54 != 0.0 ? r45 : r1; r55 = r47 + r42;
        if (r50 != 0.0) { r42 = r41 + r42; r45 = r45 / r4; r45 = r54 != 0.0 ? r42 : r45; }
        r45 = r50 != 0.0 ? r45 : r41; r42 = r55 / r45; r44 = r42 * r38 + r44; WIDE(4, 0) = r44; r47 = r45 - r47;
        r47 = r54 != 0.0 ? r40 : r47; r47 = r50 != 0.0 ? r47 : r40; r45 = r47 / r45; r45 = r55 * r45;
        WIDE(6, 0) = r45; r55 = r36 + r2; WIDE(0, 0) = r55; r47 = r53 > r1 ? 1.0 : 0.0; if (r47 != 0.0) {
        r54 = r51 * r15; r54 = r53 < r54 ? r53 : r54; r54 = r54 - r51; r53 = r53 * r16; r53 = r53 < r51 ? 1.0 : 0.0;
        r44 = r36 < r17 ? 1.0 : 0.0; r44 = ((r53 != 0.0) & (r44 != 0.0)) ? 1.0 : 0.0; r55 = r2 / r55;
        r55 = r55 > r14 ? r55 : r14; r55 = r44 != 0.0 ? r13 : r55; r55 = r54 * r55 + r51; }
        r51 = r47 != 0.0 ? r55 : r51; WIDE(9, 0) = r51; if (r37 == 0.0) { r49 = r49 < r2 ? 1.0 : 0.0;
        r49 = ((r50 != 0.0) & (r49 != 0.0)) ? 1.0 : 0.0; r51 = r52 < r20 ? r52 : r20; r51 = r49 != 0.0 ? r18 : r51;
        r51 = r51 / r21; r51 = r51 - r2; r49 = r36 + r5; r49 = r2 / r49; r49 = r49 > r19 ? r49 : r19;
        r49 = r51 * r49 + r2; r49 = r40 * r49; r48 = r48 * r48; r48 = r48 / r0; if (r43 == 0.0) { r39 = r39 * r39;
        r39 = r39 / r0; r39 = r40 < r39 ? r40 : r39; } r39 = r43 != 0.0 ? r1 : r39; r39 = r48 > r39 ? r48 : r39;
        r39 = r49 > r39 ? r49 : r39; } r39 = r37 != 0.0 ? r40 : r39; WIDE(8, 0) = r39; if (r50 == 0.0) {
        r41 = sqrt(r41); r41 = r38 / r41; r41 = r41 < r5 ? r41 : r5; r41 = r41 > r22 ? r41 : r22; }
        r41 = r50 != 0.0 ? r1 : r41; r50 = r36 < r18 ? 1.0 : 0.0; if (r50 == 0.0) { r38 = (double)NARROWED(14, 0);
        r38 = r41 * r38; r39 = r36 + r23; r39 = r5 / r39; r39 = r39 > r14 ? r39 : r14; r39 = r38 * r39;
        r39 = r39 > r24 ? r39 : r24; r39 = r2 + r39; r39 = r46 * r39; r39 = r39 < r25 ? r39 : r25;
        r39 = r39 > r26 ? r39 : r26; } r39 = r50 != 0.0 ? r46 : r39; NARROWED(14, 0) = (float)r41; WIDE(7, 0) = r39;
        r39 = sqrt(r52); r39 = r39 < r27 ? r39 : r27; r41 = (double)NARROWED(15, 0); r46 = r39 > r41 ? 1.0 : 0.0;
        r50 = (double)NARROWED(16, 0); r38 = (double)NARROWED(17, 0); r40 = r39 > r38 ? 1.0 : 0.0;
        r37 = (double)NARROWED(18, 0); r49 = r39 > r37 ? 1.0 : 0.0; if (r46 != 0.0) { r48 = r39 - r41;
        r43 = r50 - r41; r43 = r48 / r43; r43 = r18 + r43; } if (r46 == 0.0) { if (r40 != 0.0) { r48 = r39 - r38;
        r51 = r41 - r38; r51 = r48 / r51; r51 = r5 + r51; } if (r40 == 0.0) { if (r49 != 0.0) { r48 = r39 - r37;
        r55 = r38 - r37; r55 = r48 / r55; r55 = r2 + r55; } r48 = r39 / r37; r48 = r49 != 0.0 ? r55 : r48; }
        r48 = r40 != 0.0 ? r51 : r48; } r48 = r46 != 0.0 ? r43 : r48; r48 = r48 < r28 ? r48 : r28;
        r43 = r36 > r1 ? r36 : r1; r43 = sqrt(r43); r43 = r43 / r29; r43 = r43 + r30; r43 = r43 < r28 ? r43 : r28;
        r43 = r48 < r43 ? r48 : r43; WIDE(19, 0) = r43; r43 = r2 + r36; r43 = r13 / r43; r43 = r6 + r43;
        r43 = r43 < r5 ? r43 : r5; r48 = r39 * r31; if (r49 != 0.0) { r51 = r37 * r43 + r37;
        r51 = r51 < r48 ? r51 : r48; r55 = r37 * r39; r55 = sqrt(r55); r55 = r55 * r13; r47 = r37 * r18;
        r47 = r55 < r47 ? r55 : r47; r47 = r51 > r47 ? r51 : r47; } if (r49 == 0.0) { r51 = r29 + r43;
        r51 = r43 * r51; r43 = r43 * r3 + r29; r43 = r51 / r43; r43 = r2 - r43 * r32; r43 = r37 * r43; }
        r43 = r49 != 0.0 ? r47 : r43; r43 = r43 > r13 ? r43 : r13; NARROWED(18, 0) = (float)r43; r47 = r36 * r32 + r2;
        r47 = r2 / r47; r47 = r32 + r47; r47 = r47 < r5 ? r47 : r5; if (r40 != 0.0) { r49 = r38 * r47 + r38;
        r49 = r49 < r48 ? r49 : r48; r37 = r38 * r39; r37 = sqrt(r37); r37 = r37 * r13; r51 = r38 * r18;
        r51 = r37 < r51 ? r37 : r51; r51 = r49 > r51 ? r49 : r51; } if (r40 == 0.0) { r49 = r29 + r47;
        r49 = r47 * r49; r47 = r47 * r3 + r29; r47 = r49 / r47; r47 = r2 - r47 * r19; r47 = r38 * r47; }
        r47 = r40 != 0.0 ? r51 : r47; r51 = r43 * r33; r51 = r47 > r51 ? r47 : r51; NARROWED(17, 0) = (float)r51;
        r47 = r36 * r19 + r2; r47 = r18 / r47; r47 = r34 + r47; r47 = r47 < r5 ? r47 : r5; if (r46 != 0.0) {
        r40 = r41 * r47 + r41; r40 = r40 < r48 ? r40 : r48; r38 = r41 * r39; r38 = sqrt(r38); r38 = r38 * r13;
        r49 = r41 * r18; r49 = r38 < r49 ? r38 : r49; r49 = r40 > r49 ? r40 : r49; } if (r46 == 0.0) {
        r40 = r29 + r47; r40 = r47 * r40; r47 = r47 * r3 + r29; r47 = r40 / r47; r47 = r2 - r47 * r35;
        r47 = r41 * r47; } r47 = r46 != 0.0 ? r49 : r47; r43 = r51 - r43; r43 = r43 * r32 + r51;
        r43 = r47 > r43 ? r47 : r43; NARROWED(15, 0) = (float)r43; r36 = r36 * r35 + r2; r36 = r18 / r36;
        r36 = r34 + r36; r36 = r36 < r5 ? r36 : r5; r47 = r39 > r50 ? 1.0 : 0.0; if (r47 != 0.0) {
        r49 = r50 * r36 + r50; r48 = r49 < r48 ? r49 : r48; r39 = r50 * r39; r39 = sqrt(r39); r39 = r39 * r13;
        r49 = r50 * r18; r49 = r39 < r49 ? r39 : r49; r49 = r48 > r49 ? r48 : r49; } if (r47 == 0.0) {
        r48 = r29 + r36; r48 = r36 * r48; r36 = r36 * r3 + r29; r36 = r48 / r36; r36 = r2 - r36 * r9; r36 = r50 * r36;
        } r36 = r47 != 0.0 ? r49 : r36; r51 = r43 - r51; r43 = r51 * r13 + r43; r43 = r36 > r43 ? r36 : r43;
        NARROWED(16, 0) = (float)r43; r45 = r52 + r45; results[0][step] = r45;
    }
}

/* level, a run: 260 instructions */
static void program_1(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28]; const double r29 = k[29]; const double r30 = k[30]; const double r31 = k[31];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step); const Py_ssize_t at1 = place(&slots[1], step);
        double r32 = 0.0; double r33 = 0.0; double r34 = 0.0; double r35 = 0.0; double r36 = 0.0; double r37 = 0.0;
        double r38 = 0.0; double r39 = 0.0; double r40 = 0.0; double r41 = 0.0; double r42 = 0.0; double r43 = 0.0;
        double r44 = 0.0; double r45 = 0.0; double r46 = 0.0; double r47 = 0.0; double r48 = 0.0; double r49 = 0.0;
        r32 = series[1][step]; r33 = WIDE(0, 0); WIDE(1, 1) = r32; r33 = r32 - r33; r33 = fabs(r33);
        r34 = r33 > r0 ? 1.0 : 0.0; r35 = WIDE(2, 0); if (r34 != 0.0) { r36 = r35 > r0 ? 1.0 : 0.0; if (r36 != 0.0) {
        r37 = r35 * r1; r37 = r33 < r37 ? r33 : r37; r37 = r37 - r35; r37 = r37 * r2 + r35; }
        r37 = r36 != 0.0 ? r37 : r33; } r37 = r34 != 0.0 ? r37 : r35; WIDE(3, 1) = r37; r36 = WIDE(4, 0);
        r38 = r33 < r36 ? r33 : r36; r33 = r36 > r0 ? r38 : r33; r33 = r34 != 0.0 ? r33 : r36; WIDE(5, 1) = r33;
        r38 = WIDE(6, 0); WIDE(7, 1) = r38; r39 = r32 - r38; r40 = r39 * r39; r41 = WIDE(8, 0); r42 = WIDE(9, 0);
        r43 = WIDE(10, 0); r44 = r42 * r43; r45 = WIDE(11, 0); r44 = r44 / r45; r46 = series[0][step];
        r47 = WIDE(12, 0); WIDE(13, 1) = r46; r47 = r46 - r47; r41 = r44 * r47 + r41; r32 = r32 * r32;
        r44 = r33 > r0 ? 1.0 : 0.0; if (r44 != 0.0) { r37 = r37 * r37; r37 = r37 * r5; r33 = r33 * r33;
        r33 = r33 / r3; r46 = r32 * r6 + r7; r46 = r33 > r46 ? r33 : r46; r46 = r37 > r46 ? r37 : r46;
        r46 = r43 < r46 ? r43 : r46; } r32 = r32 > r4 ? r32 : r4; r32 = r32 * r4; r32 = r44 != 0.0 ? r46 : r32;
        r46 = r41 + r32; WIDE(14, 1) = r46; r44 = r40 / r46; WIDE(15, 1) = r44; r43 = r44 > r8 ? 1.0 : 0.0;
        r37 = (double)NARROWED(16, 0); r33 = r37 + r9; r48 = r33 >= r10 ? 1.0 : 0.0;
        r48 = ((r43 != 0.0) & (r48 != 0.0)) ? 1.0 : 0.0; r33 = r48 != 0.0 ? r0 : r33; r33 = r43 != 0.0 ? r33 : r0;
        NARROWED(17, 1) = (float)r33; r33 = r48 != 0.0 ? r40 : r0; r49 = r41 + r33; if (r43 != 0.0) { r33 = r46 + r33;
        r40 = r40 / r8; r40 = r48 != 0.0 ? r33 : r40; } r40 = r43 != 0.0 ? r40 : r46; r33 = r49 / r40;
        r38 = r33 * r39 + r38; WIDE(18, 1) = r38; r41 = r40 - r41; r41 = r48 != 0.0 ? r32 : r41;
        r41 = r43 != 0.0 ? r41 : r32; r40 = r41 / r40; r40 = r49 * r40; WIDE(19, 1) = r40; r49 = r47 > r0 ? 1.0 : 0.0;
        if (r49 != 0.0) { r41 = r45 * r12; r41 = r47 < r41 ? r47 : r41; r41 = r41 - r45; r41 = r41 * r11 + r45; }
        r45 = r49 != 0.0 ? r41 : r45; WIDE(20, 1) = r45; r37 = r37 < r9 ? 1.0 : 0.0;
        r37 = ((r43 != 0.0) & (r37 != 0.0)) ? 1.0 : 0.0; r45 = r44 < r14 ? r44 : r14; r45 = r37 != 0.0 ? r13 : r45;
        r45 = r45 / r15; r45 = r45 - r9; r45 = r45 * r16 + r9; r45 = r32 * r45; r36 = r36 * r36; r36 = r36 / r3;
        if (r34 == 0.0) { r35 = r35 * r35; r35 = r35 / r3; r35 = r32 < r35 ? r32 : r35; } r35 = r34 != 0.0 ? r0 : r35;
        r35 = r36 > r35 ? r36 : r35; r35 = r45 > r35 ? r45 : r35; WIDE(21, 1) = r35; if (r43 == 0.0) {
        r46 = sqrt(r46); r46 = r39 / r46; r46 = r46 < r17 ? r46 : r17; r46 = r46 > r18 ? r46 : r18; }
        r46 = r43 != 0.0 ? r0 : r46; r43 = (double)NARROWED(22, 0); NARROWED(23, 1) = (float)r46; r43 = r46 * r43;
        r43 = r43 * r11; r43 = r43 > r19 ? r43 : r19; r43 = r9 + r43; r43 = r42 * r43; r43 = r43 < r20 ? r43 : r20;
        r43 = r43 > r21 ? r43 : r21; WIDE(24, 1) = r43; r43 = sqrt(r44); r43 = r43 < r22 ? r43 : r22;
        r42 = (double)NARROWED(25, 0); r46 = r43 > r42 ? 1.0 : 0.0; r39 = (double)NARROWED(26, 0);
        r35 = (double)NARROWED(27, 0); r45 = r43 > r35 ? 1.0 : 0.0; r36 = (double)NARROWED(28, 0);
        r34 = r43 > r36 ? 1.0 : 0.0; if (r46 != 0.0) { r32 = r43 - r42; r37 = r39 - r42; r37 = r32 / r37;
        r37 = r13 + r37; } if (r46 == 0.0) { if (r45 != 0.0) { r32 = r43 - r35; r41 = r42 - r35; r41 = r32 / r41;
        r41 = r17 + r41; } if (r45 == 0.0) { if (r34 != 0.0) { r32 = r43 - r36; r49 = r35 - r36; r49 = r32 / r49;
        r49 = r9 + r49; } r32 = r43 / r36; r32 = r34 != 0.0 ? r49 : r32; } r32 = r45 != 0.0 ? r41 : r32; }
        r32 = r46 != 0.0 ? r37 : r32; r32 = r32 < r23 ? r32 : r23; r37 = WIDE(29, 0); r41 = r37 > r0 ? r37 : r0;
        r41 = sqrt(r41); r41 = r41 / r24; r41 = r41 + r25; r41 = r41 < r23 ? r41 : r23; r41 = r32 < r41 ? r32 : r41;
        WIDE(30, 1) = r41; r41 = r9 + r37; r41 = r26 / r41; r41 = r2 + r41; r32 = r43 * r27; if (r34 != 0.0) {
        r49 = r36 * r41 + r36; r49 = r49 < r32 ? r49 : r32; r47 = r36 * r43; r47 = sqrt(r47); r47 = r47 * r26;
        r48 = r36 * r13; r48 = r47 < r48 ? r47 : r48; r48 = r49 > r48 ? r49 : r48; } if (r34 == 0.0) {
        r49 = r24 + r41; r49 = r41 * r49; r41 = r41 * r1 + r24; r41 = r49 / r41; r41 = r9 - r41 * r28;
        r41 = r36 * r41; } r41 = r34 != 0.0 ? r48 : r41; r41 = r41 > r26 ? r41 : r26; NARROWED(31, 1) = (float)r41;
        r48 = r37 * r28 + r9; r48 = r9 / r48; r48 = r28 + r48; if (r45 != 0.0) { r34 = r35 * r48 + r35;
        r34 = r34 < r32 ? r34 : r32; r36 = r35 * r43; r36 = sqrt(r36); r36 = r36 * r26; r49 = r35 * r13;
        r49 = r36 < r49 ? r36 : r49; r49 = r34 > r49 ? r34 : r49; } if (r45 == 0.0) { r34 = r24 + r48;
        r34 = r48 * r34; r48 = r48 * r1 + r24; r48 = r34 / r48; r48 = r9 - r48 * r16; r48 = r35 * r48; }
        r48 = r45 != 0.0 ? r49 : r48; r49 = r41 * r29; r49 = r48 > r49 ? r48 : r49; NARROWED(32, 1) = (float)r49;
        r48 = r37 * r16 + r9; r48 = r13 / r48; r48 = r30 + r48; if (r46 != 0.0) { r45 = r42 * r48 + r42;
        r45 = r45 < r32 ? r45 : r32; r35 = r42 * r43; r35 = sqrt(r35); r35 = r35 * r26; r34 = r42 * r13;
        r34 = r35 < r34 ? r35 : r34; r34 = r45 > r34 ? r45 : r34; } if (r46 == 0.0) { r45 = r24 + r48;
        r45 = r48 * r45; r48 = r48 * r1 + r24; r48 = r45 / r48; r48 = r9 - r48 * r31; r48 = r42 * r48; }
        r48 = r46 != 0.0 ? r34 : r48; r41 = r49 - r41; r41 = r41 * r28 + r49; r41 = r48 > r41 ? r48 : r41;
        NARROWED(33, 1) = (float)r41; r48 = r37 * r31 + r9; r48 = r13 / r48; r48 = r30 + r48;
        r48 = r48 < r17 ? r48 : r17; r34 = r43 > r39 ? 1.0 : 0.0; if (r34 != 0.0) { r46 = r39 * r48 + r39;
        r32 = r46 < r32 ? r46 : r32; r43 = r39 * r43; r43 = sqrt(r43); r43 = r43 * r26; r46 = r39 * r13;
        r46 = r43 < r46 ? r43 : r46; r46 = r32 > r46 ? r32 : r46; } if (r34 == 0.0) { r32 = r24 + r48;
        r32 = r48 * r32; r48 = r48 * r1 + r24; r48 = r32 / r48; r48 = r9 - r48 * r4; r48 = r39 * r48; }
        r48 = r34 != 0.0 ? r46 : r48; r49 = r41 - r49; r41 = r49 * r26 + r41; r41 = r48 > r41 ? r48 : r41;
        NARROWED(34, 1) = (float)r41; r37 = r37 + r9; WIDE(35, 1) = r37; r40 = r44 + r40; results[0][step] = r40;
    }
}

/* level with stated noise, a reading: 224 instructions */
static void program_2(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step);
        double r29 = 0.0; double r30 = 0.0; double r31 = 0.0; double r32 = 0.0; double r33 = 0.0; double r34 = 0.0;
        double r35 = 0.0; double r36 = 0.0; double r37 = 0.0; double r38 = 0.0; double r39 = 0.0; double r40 = 0.0;
        double r41 = 0.0; double r42 = 0.0; double r43 = 0.0; double r44 = 0.0;
        r29 = series[1][step]; WIDE(0, 0) = r29; r30 = WIDE(1, 0); WIDE(2, 0) = r30; r29 = r29 - r30; r31 = r29 * r29;
        r32 = WIDE(3, 0); r33 = WIDE(4, 0); r34 = WIDE(5, 0); r35 = r33 * r34; r36 = WIDE(6, 0); r35 = r35 / r36;
        r37 = series[0][step]; r38 = WIDE(7, 0); WIDE(7, 0) = r37; r38 = r37 - r38; r32 = r35 * r38 + r32;
        r35 = r32 + r34; WIDE(8, 0) = r35; r37 = r31 / r35; WIDE(9, 0) = r37; r39 = r37 > r0 ? 1.0 : 0.0;
        r40 = (double)NARROWED(10, 0); r40 = r40 + r1; r41 = r40 >= r2 ? 1.0 : 0.0;
        r41 = ((r39 != 0.0) & (r41 != 0.0)) ? 1.0 : 0.0; r40 = r41 != 0.0 ? r3 : r40; r40 = r39 != 0.0 ? r40 : r3;
        NARROWED(10, 0) = (float)r40; r40 = r41 != 0.0 ? r31 : r3; r42 = r32 + r40; if (r39 != 0.0) { r40 = r35 + r40;
        r31 = r31 / r0; r31 = r41 != 0.0 ? r40 : r31; } r31 = r39 != 0.0 ? r31 : r35; r40 = r42 / r31;
        r30 = r40 * r29 + r30; WIDE(1, 0) = r30; r32 = r31 - r32; r32 = r41 != 0.0 ? r34 : r32;
        r34 = r39 != 0.0 ? r32 : r34; r31 = r34 / r31; r31 = r42 * r31; WIDE(3, 0) = r31; r42 = WIDE(11, 0);
        r34 = r42 + r1; WIDE(11, 0) = r34; r32 = r38 > r3 ? 1.0 : 0.0; if (r32 != 0.0) { r41 = r36 * r6;
        r41 = r38 < r41 ? r38 : r41; r41 = r41 - r36; r38 = r38 * r7; r38 = r38 < r36 ? 1.0 : 0.0;
        r30 = r42 < r8 ? 1.0 : 0.0; r30 = ((r38 != 0.0) & (r30 != 0.0)) ? 1.0 : 0.0; r34 = r1 / r34;
        r34 = r34 > r5 ? r34 : r5; r34 = r30 != 0.0 ? r4 : r34; r34 = r41 * r34 + r36; } r36 = r32 != 0.0 ? r34 : r36;
        WIDE(6, 0) = r36; if (r39 == 0.0) { r35 = sqrt(r35); r35 = r29 / r35; r35 = r35 < r10 ? r35 : r10;
        r35 = r35 > r11 ? r35 : r11; } r35 = r39 != 0.0 ? r3 : r35; r39 = r42 < r9 ? 1.0 : 0.0; if (r39 == 0.0) {
        r29 = (double)NARROWED(12, 0); r29 = r35 * r29; r36 = r42 + r12; r36 = r10 / r36; r36 = r36 > r5 ? r36 : r5;
        r36 = r29 * r36; r36 = r36 > r13 ? r36 : r13; r36 = r1 + r36; r36 = r33 * r36; r36 = r36 < r14 ? r36 : r14;
        r36 = r36 > r15 ? r36 : r15; } r36 = r39 != 0.0 ? r33 : r36; NARROWED(12, 0) = (float)r35; WIDE(4, 0) = r36;
        r36 = sqrt(r37); r36 = r36 < r16 ? r36 : r16; r35 = (double)NARROWED(13, 0); r33 = r36 > r35 ? 1.0 : 0.0;
        r39 = (double)NARROWED(14, 0); r29 = (double)NARROWED(15, 0); r34 = r36 > r29 ? 1.0 : 0.0;
        r32 = (double)NARROWED(16, 0); r41 = r36 > r32 ? 1.0 : 0.0; if (r33 != 0.0) { r30 = r36 - r35;
        r38 = r39 - r35; r38 = r30 / r38; r38 = r9 + r38; } if (r33 == 0.0) { if (r34 != 0.0) { r30 = r36 - r29;
        r40 = r35 - r29; r40 = r30 / r40; r40 = r10 + r40; } if (r34 == 0.0) { if (r41 != 0.0) { r30 = r36 - r32;
        r43 = r29 - r32; r43 = r30 / r43; r43 = r1 + r43; } r30 = r36 / r32; r30 = r41 != 0.0 ? r43 : r30; }
        r30 = r34 != 0.0 ? r40 : r30; } r30 = r33 != 0.0 ? r38 : r30; r30 = r30 < r17 ? r30 : r17;
        r38 = r42 > r3 ? r42 : r3; r38 = sqrt(r38); r38 = r38 / r18; r38 = r38 + r19; r38 = r38 < r17 ? r38 : r17;
        r38 = r30 < r38 ? r30 : r38; WIDE(17, 0) = r38; r38 = r1 + r42; r38 = r4 / r38; r38 = r20 + r38;
        r38 = r38 < r10 ? r38 : r10; r30 = r36 * r21; if (r41 != 0.0) { r40 = r32 * r38 + r32;
        r40 = r40 < r30 ? r40 : r30; r43 = r32 * r36; r43 = sqrt(r43); r43 = r43 * r4; r44 = r32 * r9;
        r44 = r43 < r44 ? r43 : r44; r44 = r40 > r44 ? r40 : r44; } if (r41 == 0.0) { r40 = r18 + r38;
        r40 = r38 * r40; r38 = r38 * r22 + r18; r38 = r40 / r38; r38 = r1 - r38 * r23; r38 = r32 * r38; }
        r38 = r41 != 0.0 ? r44 : r38; r38 = r38 > r4 ? r38 : r4; NARROWED(16, 0) = (float)r38; r44 = r42 * r23 + r1;
        r44 = r1 / r44; r44 = r23 + r44; r44 = r44 < r10 ? r44 : r10; if (r34 != 0.0) { r41 = r29 * r44 + r29;
        r41 = r41 < r30 ? r41 : r30; r32 = r29 * r36; r32 = sqrt(r32); r32 = r32 * r4; r40 = r29 * r9;
        r40 = r32 < r40 ? r32 : r40; r40 = r41 > r40 ? r41 : r40; } if (r34 == 0.0) { r41 = r18 + r44;
        r41 = r44 * r41; r44 = r44 * r22 + r18; r44 = r41 / r44; r44 = r1 - r44 * r24; r44 = r29 * r44; }
        r44 = r34 != 0.0 ? r40 : r44; r40 = r38 * r25; r40 = r44 > r40 ? r44 : r40; NARROWED(15, 0) = (float)r40;
        r44 = r42 * r24 + r1; r44 = r9 / r44; r44 = r26 + r44; r44 = r44 < r10 ? r44 : r10; if (r33 != 0.0) {
        r34 = r35 * r44 + r35; r34 = r34 < r30 ? r34 : r30; r29 = r35 * r36; r29 = sqrt(r29); r29 = r29 * r4;
        r41 = r35 * r9; r41 = r29 < r41 ? r29 : r41; r41 = r34 > r41 ? r34 : r41; } if (r33 == 0.0) { r34 = r18 + r44;
        r34 = r44 * r34; r44 = r44 * r22 + r18; r44 = r34 / r44; r44 = r1 - r44 * r27; r44 = r35 * r44; }
        r44 = r33 != 0.0 ? r41 : r44; r38 = r40 - r38; r38 = r38 * r23 + r40; r38 = r44 > r38 ? r44 : r38;
        NARROWED(13, 0) = (float)r38; r42 = r42 * r27 + r1; r42 = r9 / r42; r42 = r26 + r42;
        r42 = r42 < r10 ? r42 : r10; r44 = r36 > r39 ? 1.0 : 0.0; if (r44 != 0.0) { r41 = r39 * r42 + r39;
        r30 = r41 < r30 ? r41 : r30; r36 = r39 * r36; r36 = sqrt(r36); r36 = r36 * r4; r41 = r39 * r9;
        r41 = r36 < r41 ? r36 : r41; r41 = r30 > r41 ? r30 : r41; } if (r44 == 0.0) { r30 = r18 + r42;
        r30 = r42 * r30; r42 = r42 * r22 + r18; r42 = r30 / r42; r42 = r1 - r42 * r28; r42 = r39 * r42; }
        r42 = r44 != 0.0 ? r41 : r42; r40 = r38 - r40; r38 = r40 * r4 + r38; r38 = r42 > r38 ? r42 : r38;
        NARROWED(14, 0) = (float)r38; r31 = r37 + r31; results[0][step] = r31;
    }
}

/* level with stated noise, a run: 208 instructions */
static void program_3(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step); const Py_ssize_t at1 = place(&slots[1], step);
        const Py_ssize_t at2 = place(&slots[2], step);
        double r26 = 0.0; double r27 = 0.0; double r28 = 0.0; double r29 = 0.0; double r30 = 0.0; double r31 = 0.0;
        double r32 = 0.0; double r33 = 0.0; double r34 = 0.0; double r35 = 0.0; double r36 = 0.0; double r37 = 0.0;
        double r38 = 0.0; double r39 = 0.0; double r40 = 0.0; double r41 = 0.0;
        r26 = series[1][step]; WIDE(0, 1) = r26; r27 = WIDE(1, 0); WIDE(2, 1) = r27; r26 = r26 - r27; r28 = r26 * r26;
        r29 = WIDE(3, 0); r30 = WIDE(4, 0); r31 = WIDE(5, 2); r32 = r30 * r31; r33 = WIDE(6, 0); r32 = r32 / r33;
        r34 = series[0][step]; r35 = WIDE(7, 0); WIDE(8, 1) = r34; r35 = r34 - r35; r29 = r32 * r35 + r29;
        r32 = r29 + r31; WIDE(9, 1) = r32; r34 = r28 / r32; WIDE(10, 1) = r34; r36 = r34 > r0 ? 1.0 : 0.0;
        r37 = (double)NARROWED(11, 0); r37 = r37 + r1; r38 = r37 >= r2 ? 1.0 : 0.0;
        r38 = ((r36 != 0.0) & (r38 != 0.0)) ? 1.0 : 0.0; r37 = r38 != 0.0 ? r3 : r37; r37 = r36 != 0.0 ? r37 : r3;
        NARROWED(12, 1) = (float)r37; r37 = r38 != 0.0 ? r28 : r3; r39 = r29 + r37; if (r36 != 0.0) { r37 = r32 + r37;
        r28 = r28 / r0; r28 = r38 != 0.0 ? r37 : r28; } r28 = r36 != 0.0 ? r28 : r32; r37 = r39 / r28;
        r27 = r37 * r26 + r27; WIDE(13, 1) = r27; r29 = r28 - r29; r29 = r38 != 0.0 ? r31 : r29;
        r31 = r36 != 0.0 ? r29 : r31; r28 = r31 / r28; r28 = r39 * r28; WIDE(14, 1) = r28; r39 = r35 > r3 ? 1.0 : 0.0;
        if (r39 != 0.0) { r31 = r33 * r5; r31 = r35 < r31 ? r35 : r31; r31 = r31 - r33; r31 = r31 * r4 + r33; }
        r33 = r39 != 0.0 ? r31 : r33; WIDE(15, 1) = r33; if (r36 == 0.0) { r32 = sqrt(r32); r32 = r26 / r32;
        r32 = r32 < r6 ? r32 : r6; r32 = r32 > r7 ? r32 : r7; } r32 = r36 != 0.0 ? r3 : r32;
        r36 = (double)NARROWED(16, 0); NARROWED(17, 1) = (float)r32; r36 = r32 * r36; r36 = r36 * r4;
        r36 = r36 > r8 ? r36 : r8; r36 = r1 + r36; r36 = r30 * r36; r36 = r36 < r9 ? r36 : r9;
        r36 = r36 > r10 ? r36 : r10; WIDE(18, 1) = r36; r36 = sqrt(r34); r36 = r36 < r11 ? r36 : r11;
        r30 = (double)NARROWED(19, 0); r32 = r36 > r30 ? 1.0 : 0.0; r26 = (double)NARROWED(20, 0);
        r33 = (double)NARROWED(21, 0); r31 = r36 > r33 ? 1.0 : 0.0; r39 = (double)NARROWED(22, 0);
        r35 = r36 > r39 ? 1.0 : 0.0; if (r32 != 0.0) { r29 = r36 - r30; r38 = r26 - r30; r38 = r29 / r38;
        r38 = r12 + r38; } if (r32 == 0.0) { if (r31 != 0.0) { r29 = r36 - r33; r27 = r30 - r33; r27 = r29 / r27;
        r27 = r6 + r27; } if (r31 == 0.0) { if (r35 != 0.0) { r29 = r36 - r39; r37 = r33 - r39; r37 = r29 / r37;
        r37 = r1 + r37; } r29 = r36 / r39; r29 = r35 != 0.0 ? r37 : r29; } r29 = r31 != 0.0 ? r27 : r29; }
        r29 = r32 != 0.0 ? r38 : r29; r29 = r29 < r13 ? r29 : r13; r38 = WIDE(23, 0); r27 = r38 > r3 ? r38 : r3;
        r27 = sqrt(r27); r27 = r27 / r14; r27 = r27 + r15; r27 = r27 < r13 ? r27 : r13; r27 = r29 < r27 ? r29 : r27;
        WIDE(24, 1) = r27; r27 = r1 + r38; r27 = r17 / r27; r27 = r16 + r27; r29 = r36 * r18; if (r35 != 0.0) {
        r37 = r39 * r27 + r39; r37 = r37 < r29 ? r37 : r29; r40 = r39 * r36; r40 = sqrt(r40); r40 = r40 * r17;
        r41 = r39 * r12; r41 = r40 < r41 ? r40 : r41; r41 = r37 > r41 ? r37 : r41; } if (r35 == 0.0) {
        r37 = r14 + r27; r37 = r27 * r37; r27 = r27 * r19 + r14; r27 = r37 / r27; r27 = r1 - r27 * r20;
        r27 = r39 * r27; } r27 = r35 != 0.0 ? r41 : r27; r27 = r27 > r17 ? r27 : r17; NARROWED(25, 1) = (float)r27;
        r41 = r38 * r20 + r1; r41 = r1 / r41; r41 = r20 + r41; if (r31 != 0.0) { r35 = r33 * r41 + r33;
        r35 = r35 < r29 ? r35 : r29; r39 = r33 * r36; r39 = sqrt(r39); r39 = r39 * r17; r37 = r33 * r12;
        r37 = r39 < r37 ? r39 : r37; r37 = r35 > r37 ? r35 : r37; } if (r31 == 0.0) { r35 = r14 + r41;
        r35 = r41 * r35; r41 = r41 * r19 + r14; r41 = r35 / r41; r41 = r1 - r41 * r21; r41 = r33 * r41; }
        r41 = r31 != 0.0 ? r37 : r41; r37 = r27 * r22; r37 = r41 > r37 ? r41 : r37; NARROWED(26, 1) = (float)r37;
        r41 = r38 * r21 + r1; r41 = r12 / r41; r41 = r23 + r41; if (r32 != 0.0) { r31 = r30 * r41 + r30;
        r31 = r31 < r29 ? r31 : r29; r33 = r30 * r36; r33 = sqrt(r33); r33 = r33 * r17; r35 = r30 * r12;
        r35 = r33 < r35 ? r33 : r35; r35 = r31 > r35 ? r31 : r35; } if (r32 == 0.0) { r31 = r14 + r41;
        r31 = r41 * r31; r41 = r41 * r19 + r14; r41 = r31 / r41; r41 = r1 - r41 * r24; r41 = r30 * r41; }
        r41 = r32 != 0.0 ? r35 : r41; r27 = r37 - r27; r27 = r27 * r20 + r37; r27 = r41 > r27 ? r41 : r27;
        NARROWED(27, 1) = (float)r27; r41 = r38 * r24 + r1; r41 = r12 / r41; r41 = r23 + r41;
        r41 = r41 < r6 ? r41 : r6; r35 = r36 > r26 ? 1.0 : 0.0; if (r35 != 0.0) { r32 = r26 * r41 + r26;
        r29 = r32 < r29 ? r32 : r29; r36 = r26 * r36; r36 = sqrt(r36); r36 = r36 * r17; r32 = r26 * r12;
        r32 = r36 < r32 ? r36 : r32; r32 = r29 > r32 ? r29 : r32; } if (r35 == 0.0) { r29 = r14 + r41;
        r29 = r41 * r29; r41 = r41 * r19 + r14; r41 = r29 / r41; r41 = r1 - r41 * r25; r41 = r26 * r41; }
        r41 = r35 != 0.0 ? r32 : r41; r37 = r27 - r37; r27 = r37 * r17 + r27; r27 = r41 > r27 ? r41 : r27;
        NARROWED(28, 1) = (float)r27; r38 = r38 + r1; WIDE(29, 1) = r38; r28 = r34 + r28; results[0][step] = r28;
    }
}

/* level_rate, a reading: 340 instructions */
static void program_4(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28]; const double r29 = k[29]; const double r30 = k[30]; const double r31 = k[31];
    const double r32 = k[32]; const double r33 = k[33]; const double r34 = k[34]; const double r35 = k[35];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step);
        double r36 = 0.0; double r37 = 0.0; double r38 = 0.0; double r39 = 0.0; double r40 = 0.0; double r41 = 0.0;
        double r42 = 0.0; double r43 = 0.0; double r44 = 0.0; double r45 = 0.0; double r46 = 0.0; double r47 = 0.0;
        double r48 = 0.0; double r49 = 0.0; double r50 = 0.0; double r51 = 0.0; double r52 = 0.0; double r53 = 0.0;
        double r54 = 0.0; double r55 = 0.0; double r56 = 0.0; double r57 = 0.0; double r58 = 0.0; double r59 = 0.0;
        double r60 = 0.0; double r61 = 0.0;
        r36 = WIDE(0, 0); r37 = r36 < r0 ? 1.0 : 0.0; r38 = r36 > r1 ? 1.0 : 0.0; r39 = WIDE(1, 0);
        r40 = series[1][step]; r41 = WIDE(2, 0); WIDE(2, 0) = r40; r41 = r40 - r41; r41 = fabs(r41); r42 = r39 * r3;
        r43 = r41 > r1 ? 1.0 : 0.0; r44 = ((r38 != 0.0) & (r43 != 0.0)) ? 1.0 : 0.0; if (r37 != 0.0) {
        if (r38 != 0.0) { r45 = r36 > r2 ? r42 : r41; r45 = r41 < r45 ? r41 : r45; r45 = r45 - r39; r46 = r41 * r4;
        r46 = r46 < r39 ? 1.0 : 0.0; r46 = ((r43 != 0.0) & (r46 != 0.0)) ? 1.0 : 0.0; r47 = r36 < r5 ? r36 : r5;
        r48 = r36 > r2 ? r36 : r2; r48 = r46 != 0.0 ? r47 : r48; r48 = r45 / r48; r48 = r39 + r48; }
        r48 = r38 != 0.0 ? r48 : r1; } if (r37 == 0.0) { if (r44 != 0.0) { r38 = r39 > r1 ? 1.0 : 0.0;
        if (r38 != 0.0) { r42 = r41 < r42 ? r41 : r42; r42 = r42 - r39; r42 = r42 * r6 + r39; }
        r42 = r38 != 0.0 ? r42 : r41; } r42 = r44 != 0.0 ? r42 : r39; } r42 = r37 != 0.0 ? r48 : r42;
        WIDE(1, 0) = r42; r48 = WIDE(3, 0); r38 = r41 < r48 ? r41 : r48; r41 = r48 > r1 ? r38 : r41;
        r41 = r44 != 0.0 ? r41 : r48; WIDE(3, 0) = r41; r44 = WIDE(4, 0); r38 = series[0][step]; r45 = WIDE(5, 0);
        WIDE(5, 0) = r38; r45 = r38 - r45; r38 = WIDE(6, 0); r44 = r45 * r38 + r44; WIDE(7, 0) = r44; r47 = r40 - r44;
        r46 = r47 * r47; r49 = WIDE(8, 0); r50 = WIDE(9, 0); r49 = r45 * r50 + r49; r51 = WIDE(10, 0);
        r50 = r45 * r51 + r50; r49 = r50 * r45 + r49; r49 = r49 > r1 ? r49 : r1; r52 = WIDE(11, 0); r53 = WIDE(12, 0);
        r54 = r52 * r53; r55 = WIDE(13, 0); r54 = r54 / r55; r54 = r54 * r45; r56 = r52 * r7; r56 = r56 * r53;
        r56 = r56 / r55; r56 = r56 / r55; r56 = r56 / r55; r57 = r45 * r45; r58 = r57 * r45; r58 = r58 / r8;
        r54 = r56 * r58 + r54; r54 = r49 + r54; r49 = r41 > r1 ? 1.0 : 0.0; r42 = r42 * r42; r41 = r41 * r41;
        r41 = r41 / r0; r40 = r40 * r40; r58 = r40 * r9 + r10; r58 = r41 > r58 ? r41 : r58;
        r40 = r40 > r11 ? r40 : r11; r40 = r40 * r11; if (r37 != 0.0) { r41 = r42 * r12; r41 = r41 > r58 ? r41 : r58;
        r41 = r49 != 0.0 ? r41 : r40; } if (r37 == 0.0) { if (r49 != 0.0) { r42 = r42 * r13;
        r58 = r42 > r58 ? r42 : r58; r58 = r53 < r58 ? r53 : r58; } r40 = r49 != 0.0 ? r58 : r40; }
        r40 = r37 != 0.0 ? r41 : r40; r41 = r54 + r40; WIDE(14, 0) = r41; r58 = r46 / r41; WIDE(15, 0) = r58;
        r49 = r58 > r4 ? 1.0 : 0.0; r53 = (double)NARROWED(16, 0); r42 = r53 + r2; r59 = r42 >= r14 ? 1.0 : 0.0;
        r59 = ((r49 != 0.0) & (r59 != 0.0)) ? 1.0 : 0.0; r42 = r59 != 0.0 ? r1 : r42; r42 = r49 != 0.0 ? r42 : r1;
        NARROWED(16, 0) = (float)r42; r42 = r59 != 0.0 ? r46 : r1; r60 = r54 + r42; if (r49 != 0.0) { r61 = r41 + r42;
        r46 = r46 / r4; r46 = r59 != 0.0 ? r61 : r46; } r46 = r49 != 0.0 ? r46 : r41; r61 = r60 / r46;
        r44 = r61 * r47 + r44; WIDE(4, 0) = r44; r57 = r57 / r5; r50 = r56 * r57 + r50; r57 = r50 / r46;
        r38 = r57 * r47 + r38; WIDE(6, 0) = r38; r54 = r46 - r54; r54 = r59 != 0.0 ? r40 : r54;
        r54 = r49 != 0.0 ? r54 : r40; r46 = r54 / r46; r60 = r60 * r46; WIDE(8, 0) = r60; r54 = r50 * r46;
        WIDE(9, 0) = r54; r51 = r56 * r45 + r51; r42 = r42 / r55; r42 = r42 / r55; r42 = r51 + r42;
        r50 = r42 - r57 * r50; r46 = r42 * r46; r46 = r50 > r46 ? r50 : r46; WIDE(10, 0) = r46; r50 = r36 + r2;
        WIDE(0, 0) = r50; r42 = r45 > r1 ? 1.0 : 0.0; if (r42 != 0.0) { r57 = r55 * r17; r57 = r45 < r57 ? r45 : r57;
        r57 = r57 - r55; r45 = r45 * r18; r45 = r45 < r55 ? 1.0 : 0.0; r51 = r36 < r19 ? 1.0 : 0.0;
        r51 = ((r45 != 0.0) & (r51 != 0.0)) ? 1.0 : 0.0; r50 = r2 / r50; r50 = r50 > r16 ? r50 : r16;
        r50 = r51 != 0.0 ? r15 : r50; r50 = r57 * r50 + r55; } r55 = r42 != 0.0 ? r50 : r55; WIDE(13, 0) = r55;
        if (r37 == 0.0) { r53 = r53 < r2 ? 1.0 : 0.0; r53 = ((r49 != 0.0) & (r53 != 0.0)) ? 1.0 : 0.0;
        r55 = r58 < r20 ? r58 : r20; r55 = r53 != 0.0 ? r8 : r55; r55 = r55 / r21; r55 = r55 - r2; r53 = r36 + r5;
        r53 = r2 / r53; r53 = r53 > r7 ? r53 : r7; r53 = r55 * r53 + r2; r53 = r40 * r53; r48 = r48 * r48;
        r48 = r48 / r0; if (r43 == 0.0) { r39 = r39 * r39; r39 = r39 / r0; r39 = r40 < r39 ? r40 : r39; }
        r39 = r43 != 0.0 ? r1 : r39; r39 = r48 > r39 ? r48 : r39; r39 = r53 > r39 ? r53 : r39; }
        r39 = r37 != 0.0 ? r40 : r39; WIDE(12, 0) = r39; if (r49 == 0.0) { r41 = sqrt(r41); r41 = r47 / r41;
        r41 = r41 < r5 ? r41 : r5; r41 = r41 > r22 ? r41 : r22; } r41 = r49 != 0.0 ? r1 : r41;
        r49 = r36 < r8 ? 1.0 : 0.0; if (r49 == 0.0) { r47 = (double)NARROWED(17, 0); r47 = r41 * r47; r39 = r36 + r23;
        r39 = r5 / r39; r39 = r39 > r16 ? r39 : r16; r39 = r47 * r39; r39 = r39 > r24 ? r39 : r24; r39 = r2 + r39;
        r39 = r52 * r39; r39 = r39 < r25 ? r39 : r25; r39 = r39 > r26 ? r39 : r26; } r39 = r49 != 0.0 ? r52 : r39;
        NARROWED(17, 0) = (float)r41; WIDE(11, 0) = r39; r39 = sqrt(r58); r39 = r39 < r27 ? r39 : r27;
        r41 = (double)NARROWED(18, 0); r52 = r39 > r41 ? 1.0 : 0.0; r49 = (double)NARROWED(19, 0);
        r47 = (double)NARROWED(20, 0); r40 = r39 > r47 ? 1.0 : 0.0; r37 = (double)NARROWED(21, 0);
        r53 = r39 > r37 ? 1.0 : 0.0; if (r52 != 0.0) { r48 = r39 - r41; r43 = r49 - r41; r43 = r48 / r43;
        r43 = r8 + r43; } if (r52 == 0.0) { if (r40 != 0.0) { r48 = r39 - r47; r55 = r41 - r47; r55 = r48 / r55;
        r55 = r5 + r55; } if (r40 == 0.0) { if (r53 != 0.0) { r48 = r39 - r37; r50 = r47 - r37; r50 = r48 / r50;
        r50 = r2 + r50; } r48 = r39 / r37; r48 = r53 != 0.0 ? r50 : r48; } r48 = r40 != 0.0 ? r55 : r48; }
        r48 = r52 != 0.0 ? r43 : r48; r48 = r48 < r28 ? r48 : r28; r43 = r36 > r1 ? r36 : r1; r43 = sqrt(r43);
        r43 = r43 / r29; r43 = r43 + r30; r43 = r43 < r28 ? r43 : r28; r43 = r48 < r43 ? r48 : r43; WIDE(22, 0) = r43;
        r43 = r2 + r36; r43 = r15 / r43; r43 = r6 + r43; r43 = r43 < r5 ? r43 : r5; r48 = r39 * r31; if (r53 != 0.0) {
        r55 = r37 * r43 + r37; r55 = r55 < r48 ? r55 : r48; r50 = r37 * r39; r50 = sqrt(r50); r50 = r50 * r15;
        r42 = r37 * r8; r42 = r50 < r42 ? r50 : r42; r42 = r55 > r42 ? r55 : r42; } if (r53 == 0.0) { r55 = r29 + r43;
        r55 = r43 * r55; r43 = r43 * r3 + r29; r43 = r55 / r43; r43 = r2 - r43 * r32; r43 = r37 * r43; }
        r43 = r53 != 0.0 ? r42 : r43; r43 = r43 > r15 ? r43 : r15; NARROWED(21, 0) = (float)r43; r42 = r36 * r32 + r2;
        r42 = r2 / r42; r42 = r32 + r42; r42 = r42 < r5 ? r42 : r5; if (r40 != 0.0) { r53 = r47 * r42 + r47;
        r53 = r53 < r48 ? r53 : r48; r37 = r47 * r39; r37 = sqrt(r37); r37 = r37 * r15; r55 = r47 * r8;
        r55 = r37 < r55 ? r37 : r55; r55 = r53 > r55 ? r53 : r55; } if (r40 == 0.0) { r53 = r29 + r42;
        r53 = r42 * r53; r42 = r42 * r3 + r29; r42 = r53 / r42; r42 = r2 - r42 * r7; r42 = r47 * r42; }
        r42 = r40 != 0.0 ? r55 : r42; r55 = r43 * r33; r55 = r42 > r55 ? r42 : r55; NARROWED(20, 0) = (float)r55;
        r42 = r36 * r7 + r2; r42 = r8 / r42; r42 = r34 + r42; r42 = r42 < r5 ? r42 : r5; if (r52 != 0.0) {
        r40 = r41 * r42 + r41; r40 = r40 < r48 ? r40 : r48; r47 = r41 * r39; r47 = sqrt(r47); r47 = r47 * r15;
        r53 = r41 * r8; r53 = r47 < r53 ? r47 : r53; r53 = r40 > r53 ? r40 : r53; } if (r52 == 0.0) { r40 = r29 + r42;
        r40 = r42 * r40; r42 = r42 * r3 + r29; r42 = r40 / r42; r42 = r2 - r42 * r35; r42 = r41 * r42; }
        r42 = r52 != 0.0 ? r53 : r42; r43 = r55 - r43; r43 = r43 * r32 + r55; r43 = r42 > r43 ? r42 : r43;
        NARROWED(18, 0) = (float)r43; r36 = r36 * r35 + r2; r36 = r8 / r36; r36 = r34 + r36;
        r36 = r36 < r5 ? r36 : r5; r42 = r39 > r49 ? 1.0 : 0.0; if (r42 != 0.0) { r53 = r49 * r36 + r49;
        r48 = r53 < r48 ? r53 : r48; r39 = r49 * r39; r39 = sqrt(r39); r39 = r39 * r15; r53 = r49 * r8;
        r53 = r39 < r53 ? r39 : r53; r53 = r48 > r53 ? r48 : r53; } if (r42 == 0.0) { r48 = r29 + r36;
        r48 = r36 * r48; r36 = r36 * r3 + r29; r36 = r48 / r36; r36 = r2 - r36 * r11; r36 = r49 * r36; }
        r36 = r42 != 0.0 ? r53 : r36; r55 = r43 - r55; r43 = r55 * r15 + r43; r43 = r36 > r43 ? r36 : r43;
        NARROWED(19, 0) = (float)r43; r60 = r58 + r60; r46 = r60 + r46; results[0][step] = r46;
    }
}

/* level_rate, a run: 294 instructions */
static void program_5(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28]; const double r29 = k[29]; const double r30 = k[30]; const double r31 = k[31];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step); const Py_ssize_t at1 = place(&slots[1], step);
        double r32 = 0.0; double r33 = 0.0; double r34 = 0.0; double r35 = 0.0; double r36 = 0.0; double r37 = 0.0;
        double r38 = 0.0; double r39 = 0.0; double r40 = 0.0; double r41 = 0.0; double r42 = 0.0; double r43 = 0.0;
        double r44 = 0.0; double r45 = 0.0; double r46 = 0.0; double r47 = 0.0; double r48 = 0.0; double r49 = 0.0;
        double r50 = 0.0; double r51 = 0.0; double r52 = 0.0; double r53 = 0.0; double r54 = 0.0; double r55 = 0.0;
        r32 = series[1][step]; r33 = WIDE(0, 0); WIDE(1, 1) = r32; r33 = r32 - r33; r33 = fabs(r33);
        r34 = r33 > r0 ? 1.0 : 0.0; r35 = WIDE(2, 0); if (r34 != 0.0) { r36 = r35 > r0 ? 1.0 : 0.0; if (r36 != 0.0) {
        r37 = r35 * r1; r37 = r33 < r37 ? r33 : r37; r37 = r37 - r35; r37 = r37 * r2 + r35; }
        r37 = r36 != 0.0 ? r37 : r33; } r37 = r34 != 0.0 ? r37 : r35; WIDE(3, 1) = r37; r36 = WIDE(4, 0);
        r38 = r33 < r36 ? r33 : r36; r33 = r36 > r0 ? r38 : r33; r33 = r34 != 0.0 ? r33 : r36; WIDE(5, 1) = r33;
        r38 = WIDE(6, 0); r39 = series[0][step]; r40 = WIDE(7, 0); WIDE(8, 1) = r39; r40 = r39 - r40;
        r39 = WIDE(9, 0); r38 = r40 * r39 + r38; WIDE(10, 1) = r38; r41 = r32 - r38; r42 = r41 * r41;
        r43 = WIDE(11, 0); r44 = WIDE(12, 0); r43 = r40 * r44 + r43; r45 = WIDE(13, 0); r44 = r40 * r45 + r44;
        r43 = r44 * r40 + r43; r43 = r43 > r0 ? r43 : r0; r46 = WIDE(14, 0); r47 = WIDE(15, 0); r48 = r46 * r47;
        r49 = WIDE(16, 0); r48 = r48 / r49; r48 = r48 * r40; r50 = r46 * r3; r50 = r50 * r47; r50 = r50 / r49;
        r50 = r50 / r49; r50 = r50 / r49; r51 = r40 * r40; r52 = r51 * r40; r52 = r52 / r4; r48 = r50 * r52 + r48;
        r48 = r43 + r48; r32 = r32 * r32; r43 = r33 > r0 ? 1.0 : 0.0; if (r43 != 0.0) { r37 = r37 * r37;
        r37 = r37 * r7; r33 = r33 * r33; r33 = r33 / r5; r52 = r32 * r8 + r9; r52 = r33 > r52 ? r33 : r52;
        r52 = r37 > r52 ? r37 : r52; r52 = r47 < r52 ? r47 : r52; } r32 = r32 > r6 ? r32 : r6; r32 = r32 * r6;
        r32 = r43 != 0.0 ? r52 : r32; r52 = r48 + r32; WIDE(17, 1) = r52; r43 = r42 / r52; WIDE(18, 1) = r43;
        r47 = r43 > r10 ? 1.0 : 0.0; r37 = (double)NARROWED(19, 0); r33 = r37 + r11; r53 = r33 >= r12 ? 1.0 : 0.0;
        r53 = ((r47 != 0.0) & (r53 != 0.0)) ? 1.0 : 0.0; r33 = r53 != 0.0 ? r0 : r33; r33 = r47 != 0.0 ? r33 : r0;
        NARROWED(20, 1) = (float)r33; r33 = r53 != 0.0 ? r42 : r0; r54 = r48 + r33; if (r47 != 0.0) { r55 = r52 + r33;
        r42 = r42 / r10; r42 = r53 != 0.0 ? r55 : r42; } r42 = r47 != 0.0 ? r42 : r52; r55 = r54 / r42;
        r38 = r55 * r41 + r38; WIDE(21, 1) = r38; r51 = r51 / r13; r44 = r50 * r51 + r44; r51 = r44 / r42;
        r39 = r51 * r41 + r39; WIDE(22, 1) = r39; r48 = r42 - r48; r48 = r53 != 0.0 ? r32 : r48;
        r48 = r47 != 0.0 ? r48 : r32; r42 = r48 / r42; r54 = r54 * r42; WIDE(23, 1) = r54; r48 = r44 * r42;
        WIDE(24, 1) = r48; r45 = r50 * r40 + r45; r33 = r33 / r49; r33 = r33 / r49; r33 = r45 + r33;
        r44 = r33 - r51 * r44; r42 = r33 * r42; r42 = r44 > r42 ? r44 : r42; WIDE(25, 1) = r42;
        r44 = r40 > r0 ? 1.0 : 0.0; if (r44 != 0.0) { r33 = r49 * r15; r33 = r40 < r33 ? r40 : r33; r33 = r33 - r49;
        r33 = r33 * r14 + r49; } r49 = r44 != 0.0 ? r33 : r49; WIDE(26, 1) = r49; r37 = r37 < r11 ? 1.0 : 0.0;
        r37 = ((r47 != 0.0) & (r37 != 0.0)) ? 1.0 : 0.0; r49 = r43 < r16 ? r43 : r16; r49 = r37 != 0.0 ? r4 : r49;
        r49 = r49 / r17; r49 = r49 - r11; r49 = r49 * r3 + r11; r49 = r32 * r49; r36 = r36 * r36; r36 = r36 / r5;
        if (r34 == 0.0) { r35 = r35 * r35; r35 = r35 / r5; r35 = r32 < r35 ? r32 : r35; } r35 = r34 != 0.0 ? r0 : r35;
        r35 = r36 > r35 ? r36 : r35; r35 = r49 > r35 ? r49 : r35; WIDE(27, 1) = r35; if (r47 == 0.0) {
        r52 = sqrt(r52); r52 = r41 / r52; r52 = r52 < r13 ? r52 : r13; r52 = r52 > r18 ? r52 : r18; }
        r52 = r47 != 0.0 ? r0 : r52; r47 = (double)NARROWED(28, 0); NARROWED(29, 1) = (float)r52; r47 = r52 * r47;
        r47 = r47 * r14; r47 = r47 > r19 ? r47 : r19; r47 = r11 + r47; r47 = r46 * r47; r47 = r47 < r20 ? r47 : r20;
        r47 = r47 > r21 ? r47 : r21; WIDE(30, 1) = r47; r47 = sqrt(r43); r47 = r47 < r22 ? r47 : r22;
        r46 = (double)NARROWED(31, 0); r52 = r47 > r46 ? 1.0 : 0.0; r41 = (double)NARROWED(32, 0);
        r35 = (double)NARROWED(33, 0); r49 = r47 > r35 ? 1.0 : 0.0; r36 = (double)NARROWED(34, 0);
        r34 = r47 > r36 ? 1.0 : 0.0; if (r52 != 0.0) { r32 = r47 - r46; r37 = r41 - r46; r37 = r32 / r37;
        r37 = r4 + r37; } if (r52 == 0.0) { if (r49 != 0.0) { r32 = r47 - r35; r33 = r46 - r35; r33 = r32 / r33;
        r33 = r13 + r33; } if (r49 == 0.0) { if (r34 != 0.0) { r32 = r47 - r36; r44 = r35 - r36; r44 = r32 / r44;
        r44 = r11 + r44; } r32 = r47 / r36; r32 = r34 != 0.0 ? r44 : r32; } r32 = r49 != 0.0 ? r33 : r32; }
        r32 = r52 != 0.0 ? r37 : r32; r32 = r32 < r23 ? r32 : r23; r37 = WIDE(35, 0); r33 = r37 > r0 ? r37 : r0;
        r33 = sqrt(r33); r33 = r33 / r24; r33 = r33 + r25; r33 = r33 < r23 ? r33 : r23; r33 = r32 < r33 ? r32 : r33;
        WIDE(36, 1) = r33; r33 = r11 + r37; r33 = r26 / r33; r33 = r2 + r33; r32 = r47 * r27; if (r34 != 0.0) {
        r44 = r36 * r33 + r36; r44 = r44 < r32 ? r44 : r32; r40 = r36 * r47; r40 = sqrt(r40); r40 = r40 * r26;
        r51 = r36 * r4; r51 = r40 < r51 ? r40 : r51; r51 = r44 > r51 ? r44 : r51; } if (r34 == 0.0) { r44 = r24 + r33;
        r44 = r33 * r44; r33 = r33 * r1 + r24; r33 = r44 / r33; r33 = r11 - r33 * r28; r33 = r36 * r33; }
        r33 = r34 != 0.0 ? r51 : r33; r33 = r33 > r26 ? r33 : r26; NARROWED(37, 1) = (float)r33;
        r51 = r37 * r28 + r11; r51 = r11 / r51; r51 = r28 + r51; if (r49 != 0.0) { r34 = r35 * r51 + r35;
        r34 = r34 < r32 ? r34 : r32; r36 = r35 * r47; r36 = sqrt(r36); r36 = r36 * r26; r44 = r35 * r4;
        r44 = r36 < r44 ? r36 : r44; r44 = r34 > r44 ? r34 : r44; } if (r49 == 0.0) { r34 = r24 + r51;
        r34 = r51 * r34; r51 = r51 * r1 + r24; r51 = r34 / r51; r51 = r11 - r51 * r3; r51 = r35 * r51; }
        r51 = r49 != 0.0 ? r44 : r51; r44 = r33 * r29; r44 = r51 > r44 ? r51 : r44; NARROWED(38, 1) = (float)r44;
        r51 = r37 * r3 + r11; r51 = r4 / r51; r51 = r30 + r51; if (r52 != 0.0) { r49 = r46 * r51 + r46;
        r49 = r49 < r32 ? r49 : r32; r35 = r46 * r47; r35 = sqrt(r35); r35 = r35 * r26; r34 = r46 * r4;
        r34 = r35 < r34 ? r35 : r34; r34 = r49 > r34 ? r49 : r34; } if (r52 == 0.0) { r49 = r24 + r51;
        r49 = r51 * r49; r51 = r51 * r1 + r24; r51 = r49 / r51; r51 = r11 - r51 * r31; r51 = r46 * r51; }
        r51 = r52 != 0.0 ? r34 : r51; r33 = r44 - r33; r33 = r33 * r28 + r44; r33 = r51 > r33 ? r51 : r33;
        NARROWED(39, 1) = (float)r33; r51 = r37 * r31 + r11; r51 = r4 / r51; r51 = r30 + r51;
        r51 = r51 < r13 ? r51 : r13; r34 = r47 > r41 ? 1.0 : 0.0; if (r34 != 0.0) { r52 = r41 * r51 + r41;
        r32 = r52 < r32 ? r52 : r32; r47 = r41 * r47; r47 = sqrt(r47); r47 = r47 * r26; r52 = r41 * r4;
        r52 = r47 < r52 ? r47 : r52; r52 = r32 > r52 ? r32 : r52; } if (r34 == 0.0) { r32 = r24 + r51;
        r32 = r51 * r32; r51 = r51 * r1 + r24; r51 = r32 / r51; r51 = r11 - r51 * r6; r51 = r41 * r51; }
        r51 = r34 != 0.0 ? r52 : r51; r44 = r33 - r44; r33 = r44 * r26 + r33; r33 = r51 > r33 ? r51 : r33;
        NARROWED(40, 1) = (float)r33; r37 = r37 + r11; WIDE(41, 1) = r37; r54 = r43 + r54; r42 = r54 + r42;
        results[0][step] = r42;
    }
}

/* level_rate with stated noise, a reading: 258 instructions */
static void program_6(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step);
        double r29 = 0.0; double r30 = 0.0; double r31 = 0.0; double r32 = 0.0; double r33 = 0.0; double r34 = 0.0;
        double r35 = 0.0; double r36 = 0.0; double r37 = 0.0; double r38 = 0.0; double r39 = 0.0; double r40 = 0.0;
        double r41 = 0.0; double r42 = 0.0; double r43 = 0.0; double r44 = 0.0; double r45 = 0.0; double r46 = 0.0;
        double r47 = 0.0; double r48 = 0.0;
        r29 = series[1][step]; WIDE(0, 0) = r29; r30 = WIDE(1, 0); r31 = series[0][step]; r32 = WIDE(2, 0);
        WIDE(2, 0) = r31; r32 = r31 - r32; r31 = WIDE(3, 0); r30 = r32 * r31 + r30; WIDE(4, 0) = r30; r29 = r29 - r30;
        r33 = r29 * r29; r34 = WIDE(5, 0); r35 = WIDE(6, 0); r34 = r32 * r35 + r34; r36 = WIDE(7, 0);
        r35 = r32 * r36 + r35; r34 = r35 * r32 + r34; r34 = r34 > r0 ? r34 : r0; r37 = WIDE(8, 0); r38 = WIDE(9, 0);
        r39 = r37 * r38; r40 = WIDE(10, 0); r39 = r39 / r40; r39 = r39 * r32; r41 = r37 * r1; r41 = r41 * r38;
        r41 = r41 / r40; r41 = r41 / r40; r41 = r41 / r40; r42 = r32 * r32; r43 = r42 * r32; r43 = r43 / r2;
        r39 = r41 * r43 + r39; r39 = r34 + r39; r34 = r39 + r38; WIDE(11, 0) = r34; r43 = r33 / r34;
        WIDE(12, 0) = r43; r44 = r43 > r3 ? 1.0 : 0.0; r45 = (double)NARROWED(13, 0); r45 = r45 + r4;
        r46 = r45 >= r5 ? 1.0 : 0.0; r46 = ((r44 != 0.0) & (r46 != 0.0)) ? 1.0 : 0.0; r45 = r46 != 0.0 ? r0 : r45;
        r45 = r44 != 0.0 ? r45 : r0; NARROWED(13, 0) = (float)r45; r45 = r46 != 0.0 ? r33 : r0; r47 = r39 + r45;
        if (r44 != 0.0) { r48 = r34 + r45; r33 = r33 / r3; r33 = r46 != 0.0 ? r48 : r33; }
        r33 = r44 != 0.0 ? r33 : r34; r48 = r47 / r33; r30 = r48 * r29 + r30; WIDE(1, 0) = r30; r42 = r42 / r6;
        r35 = r41 * r42 + r35; r42 = r35 / r33; r31 = r42 * r29 + r31; WIDE(3, 0) = r31; r39 = r33 - r39;
        r39 = r46 != 0.0 ? r38 : r39; r38 = r44 != 0.0 ? r39 : r38; r33 = r38 / r33; r47 = r47 * r33;
        WIDE(5, 0) = r47; r38 = r35 * r33; WIDE(6, 0) = r38; r36 = r41 * r32 + r36; r45 = r45 / r40; r45 = r45 / r40;
        r45 = r36 + r45; r35 = r45 - r42 * r35; r33 = r45 * r33; r33 = r35 > r33 ? r35 : r33; WIDE(7, 0) = r33;
        r35 = WIDE(14, 0); r45 = r35 + r4; WIDE(14, 0) = r45; r42 = r32 > r0 ? 1.0 : 0.0; if (r42 != 0.0) {
        r36 = r40 * r9; r36 = r32 < r36 ? r32 : r36; r36 = r36 - r40; r32 = r32 * r10; r32 = r32 < r40 ? 1.0 : 0.0;
        r41 = r35 < r11 ? 1.0 : 0.0; r41 = ((r32 != 0.0) & (r41 != 0.0)) ? 1.0 : 0.0; r45 = r4 / r45;
        r45 = r45 > r8 ? r45 : r8; r45 = r41 != 0.0 ? r7 : r45; r45 = r36 * r45 + r40; } r40 = r42 != 0.0 ? r45 : r40;
        WIDE(10, 0) = r40; if (r44 == 0.0) { r34 = sqrt(r34); r34 = r29 / r34; r34 = r34 < r6 ? r34 : r6;
        r34 = r34 > r12 ? r34 : r12; } r34 = r44 != 0.0 ? r0 : r34; r44 = r35 < r2 ? 1.0 : 0.0; if (r44 == 0.0) {
        r29 = (double)NARROWED(15, 0); r29 = r34 * r29; r40 = r35 + r13; r40 = r6 / r40; r40 = r40 > r8 ? r40 : r8;
        r40 = r29 * r40; r40 = r40 > r14 ? r40 : r14; r40 = r4 + r40; r40 = r37 * r40; r40 = r40 < r15 ? r40 : r15;
        r40 = r40 > r16 ? r40 : r16; } r40 = r44 != 0.0 ? r37 : r40; NARROWED(15, 0) = (float)r34; WIDE(8, 0) = r40;
        r40 = sqrt(r43); r40 = r40 < r17 ? r40 : r17; r34 = (double)NARROWED(16, 0); r37 = r40 > r34 ? 1.0 : 0.0;
        r44 = (double)NARROWED(17, 0); r29 = (double)NARROWED(18, 0); r45 = r40 > r29 ? 1.0 : 0.0;
        r42 = (double)NARROWED(19, 0); r36 = r40 > r42 ? 1.0 : 0.0; if (r37 != 0.0) { r41 = r40 - r34;
        r32 = r44 - r34; r32 = r41 / r32; r32 = r2 + r32; } if (r37 == 0.0) { if (r45 != 0.0) { r41 = r40 - r29;
        r38 = r34 - r29; r38 = r41 / r38; r38 = r6 + r38; } if (r45 == 0.0) { if (r36 != 0.0) { r41 = r40 - r42;
        r39 = r29 - r42; r39 = r41 / r39; r39 = r4 + r39; } r41 = r40 / r42; r41 = r36 != 0.0 ? r39 : r41; }
        r41 = r45 != 0.0 ? r38 : r41; } r41 = r37 != 0.0 ? r32 : r41; r41 = r41 < r18 ? r41 : r18;
        r32 = r35 > r0 ? r35 : r0; r32 = sqrt(r32); r32 = r32 / r19; r32 = r32 + r20; r32 = r32 < r18 ? r32 : r18;
        r32 = r41 < r32 ? r41 : r32; WIDE(20, 0) = r32; r32 = r4 + r35; r32 = r7 / r32; r32 = r21 + r32;
        r32 = r32 < r6 ? r32 : r6; r41 = r40 * r22; if (r36 != 0.0) { r38 = r42 * r32 + r42;
        r38 = r38 < r41 ? r38 : r41; r39 = r42 * r40; r39 = sqrt(r39); r39 = r39 * r7; r46 = r42 * r2;
        r46 = r39 < r46 ? r39 : r46; r46 = r38 > r46 ? r38 : r46; } if (r36 == 0.0) { r38 = r19 + r32;
        r38 = r32 * r38; r32 = r32 * r23 + r19; r32 = r38 / r32; r32 = r4 - r32 * r24; r32 = r42 * r32; }
        r32 = r36 != 0.0 ? r46 : r32; r32 = r32 > r7 ? r32 : r7; NARROWED(19, 0) = (float)r32; r46 = r35 * r24 + r4;
        r46 = r4 / r46; r46 = r24 + r46; r46 = r46 < r6 ? r46 : r6; if (r45 != 0.0) { r36 = r29 * r46 + r29;
        r36 = r36 < r41 ? r36 : r41; r42 = r29 * r40; r42 = sqrt(r42); r42 = r42 * r7; r38 = r29 * r2;
        r38 = r42 < r38 ? r42 : r38; r38 = r36 > r38 ? r36 : r38; } if (r45 == 0.0) { r36 = r19 + r46;
        r36 = r46 * r36; r46 = r46 * r23 + r19; r46 = r36 / r46; r46 = r4 - r46 * r1; r46 = r29 * r46; }
        r46 = r45 != 0.0 ? r38 : r46; r38 = r32 * r25; r38 = r46 > r38 ? r46 : r38; NARROWED(18, 0) = (float)r38;
        r46 = r35 * r1 + r4; r46 = r2 / r46; r46 = r26 + r46; r46 = r46 < r6 ? r46 : r6; if (r37 != 0.0) {
        r45 = r34 * r46 + r34; r45 = r45 < r41 ? r45 : r41; r29 = r34 * r40; r29 = sqrt(r29); r29 = r29 * r7;
        r36 = r34 * r2; r36 = r29 < r36 ? r29 : r36; r36 = r45 > r36 ? r45 : r36; } if (r37 == 0.0) { r45 = r19 + r46;
        r45 = r46 * r45; r46 = r46 * r23 + r19; r46 = r45 / r46; r46 = r4 - r46 * r27; r46 = r34 * r46; }
        r46 = r37 != 0.0 ? r36 : r46; r32 = r38 - r32; r32 = r32 * r24 + r38; r32 = r46 > r32 ? r46 : r32;
        NARROWED(16, 0) = (float)r32; r35 = r35 * r27 + r4; r35 = r2 / r35; r35 = r26 + r35;
        r35 = r35 < r6 ? r35 : r6; r46 = r40 > r44 ? 1.0 : 0.0; if (r46 != 0.0) { r36 = r44 * r35 + r44;
        r41 = r36 < r41 ? r36 : r41; r40 = r44 * r40; r40 = sqrt(r40); r40 = r40 * r7; r36 = r44 * r2;
        r36 = r40 < r36 ? r40 : r36; r36 = r41 > r36 ? r41 : r36; } if (r46 == 0.0) { r41 = r19 + r35;
        r41 = r35 * r41; r35 = r35 * r23 + r19; r35 = r41 / r35; r35 = r4 - r35 * r28; r35 = r44 * r35; }
        r35 = r46 != 0.0 ? r36 : r35; r38 = r32 - r38; r32 = r38 * r7 + r32; r32 = r35 > r32 ? r35 : r32;
        NARROWED(17, 0) = (float)r32; r47 = r43 + r47; r33 = r47 + r33; results[0][step] = r33;
    }
}

/* level_rate with stated noise, a run: 242 instructions */
static void program_7(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step); const Py_ssize_t at1 = place(&slots[1], step);
        const Py_ssize_t at2 = place(&slots[2], step);
        double r26 = 0.0; double r27 = 0.0; double r28 = 0.0; double r29 = 0.0; double r30 = 0.0; double r31 = 0.0;
        double r32 = 0.0; double r33 = 0.0; double r34 = 0.0; double r35 = 0.0; double r36 = 0.0; double r37 = 0.0;
        double r38 = 0.0; double r39 = 0.0; double r40 = 0.0; double r41 = 0.0; double r42 = 0.0; double r43 = 0.0;
        double r44 = 0.0; double r45 = 0.0;
        r26 = series[1][step]; WIDE(0, 1) = r26; r27 = WIDE(1, 0); r28 = series[0][step]; r29 = WIDE(2, 0);
        WIDE(3, 1) = r28; r29 = r28 - r29; r28 = WIDE(4, 0); r27 = r29 * r28 + r27; WIDE(5, 1) = r27; r26 = r26 - r27;
        r30 = r26 * r26; r31 = WIDE(6, 0); r32 = WIDE(7, 0); r31 = r29 * r32 + r31; r33 = WIDE(8, 0);
        r32 = r29 * r33 + r32; r31 = r32 * r29 + r31; r31 = r31 > r0 ? r31 : r0; r34 = WIDE(9, 0); r35 = WIDE(10, 2);
        r36 = r34 * r35; r37 = WIDE(11, 0); r36 = r36 / r37; r36 = r36 * r29; r38 = r34 * r1; r38 = r38 * r35;
        r38 = r38 / r37; r38 = r38 / r37; r38 = r38 / r37; r39 = r29 * r29; r40 = r39 * r29; r40 = r40 / r2;
        r36 = r38 * r40 + r36; r36 = r31 + r36; r31 = r36 + r35; WIDE(12, 1) = r31; r40 = r30 / r31;
        WIDE(13, 1) = r40; r41 = r40 > r3 ? 1.0 : 0.0; r42 = (double)NARROWED(14, 0); r42 = r42 + r4;
        r43 = r42 >= r5 ? 1.0 : 0.0; r43 = ((r41 != 0.0) & (r43 != 0.0)) ? 1.0 : 0.0; r42 = r43 != 0.0 ? r0 : r42;
        r42 = r41 != 0.0 ? r42 : r0; NARROWED(15, 1) = (float)r42; r42 = r43 != 0.0 ? r30 : r0; r44 = r36 + r42;
        if (r41 != 0.0) { r45 = r31 + r42; r30 = r30 / r3; r30 = r43 != 0.0 ? r45 : r30; }
        r30 = r41 != 0.0 ? r30 : r31; r45 = r44 / r30; r27 = r45 * r26 + r27; WIDE(16, 1) = r27; r39 = r39 / r6;
        r32 = r38 * r39 + r32; r39 = r32 / r30; r28 = r39 * r26 + r28; WIDE(17, 1) = r28; r36 = r30 - r36;
        r36 = r43 != 0.0 ? r35 : r36; r35 = r41 != 0.0 ? r36 : r35; r30 = r35 / r30; r44 = r44 * r30;
        WIDE(18, 1) = r44; r35 = r32 * r30; WIDE(19, 1) = r35; r33 = r38 * r29 + r33; r42 = r42 / r37;
        r42 = r42 / r37; r42 = r33 + r42; r32 = r42 - r39 * r32; r30 = r42 * r30; r30 = r32 > r30 ? r32 : r30;
        WIDE(20, 1) = r30; r32 = r29 > r0 ? 1.0 : 0.0; if (r32 != 0.0) { r42 = r37 * r8; r42 = r29 < r42 ? r29 : r42;
        r42 = r42 - r37; r42 = r42 * r7 + r37; } r37 = r32 != 0.0 ? r42 : r37; WIDE(21, 1) = r37; if (r41 == 0.0) {
        r31 = sqrt(r31); r31 = r26 / r31; r31 = r31 < r6 ? r31 : r6; r31 = r31 > r9 ? r31 : r9; }
        r31 = r41 != 0.0 ? r0 : r31; r41 = (double)NARROWED(22, 0); NARROWED(23, 1) = (float)r31; r41 = r31 * r41;
        r41 = r41 * r7; r41 = r41 > r10 ? r41 : r10; r41 = r4 + r41; r41 = r34 * r41; r41 = r41 < r11 ? r41 : r11;
        r41 = r41 > r12 ? r41 : r12; WIDE(24, 1) = r41; r41 = sqrt(r40); r41 = r41 < r13 ? r41 : r13;
        r34 = (double)NARROWED(25, 0); r31 = r41 > r34 ? 1.0 : 0.0; r26 = (double)NARROWED(26, 0);
        r37 = (double)NARROWED(27, 0); r42 = r41 > r37 ? 1.0 : 0.0; r32 = (double)NARROWED(28, 0);
        r29 = r41 > r32 ? 1.0 : 0.0; if (r31 != 0.0) { r39 = r41 - r34; r33 = r26 - r34; r33 = r39 / r33;
        r33 = r2 + r33; } if (r31 == 0.0) { if (r42 != 0.0) { r39 = r41 - r37; r38 = r34 - r37; r38 = r39 / r38;
        r38 = r6 + r38; } if (r42 == 0.0) { if (r29 != 0.0) { r39 = r41 - r32; r35 = r37 - r32; r35 = r39 / r35;
        r35 = r4 + r35; } r39 = r41 / r32; r39 = r29 != 0.0 ? r35 : r39; } r39 = r42 != 0.0 ? r38 : r39; }
        r39 = r31 != 0.0 ? r33 : r39; r39 = r39 < r14 ? r39 : r14; r33 = WIDE(29, 0); r38 = r33 > r0 ? r33 : r0;
        r38 = sqrt(r38); r38 = r38 / r15; r38 = r38 + r16; r38 = r38 < r14 ? r38 : r14; r38 = r39 < r38 ? r39 : r38;
        WIDE(30, 1) = r38; r38 = r4 + r33; r38 = r18 / r38; r38 = r17 + r38; r39 = r41 * r19; if (r29 != 0.0) {
        r35 = r32 * r38 + r32; r35 = r35 < r39 ? r35 : r39; r36 = r32 * r41; r36 = sqrt(r36); r36 = r36 * r18;
        r43 = r32 * r2; r43 = r36 < r43 ? r36 : r43; r43 = r35 > r43 ? r35 : r43; } if (r29 == 0.0) { r35 = r15 + r38;
        r35 = r38 * r35; r38 = r38 * r20 + r15; r38 = r35 / r38; r38 = r4 - r38 * r21; r38 = r32 * r38; }
        r38 = r29 != 0.0 ? r43 : r38; r38 = r38 > r18 ? r38 : r18; NARROWED(31, 1) = (float)r38; r43 = r33 * r21 + r4;
        r43 = r4 / r43; r43 = r21 + r43; if (r42 != 0.0) { r29 = r37 * r43 + r37; r29 = r29 < r39 ? r29 : r39;
        r32 = r37 * r41; r32 = sqrt(r32); r32 = r32 * r18; r35 = r37 * r2; r35 = r32 < r35 ? r32 : r35;
        r35 = r29 > r35 ? r29 : r35; } if (r42 == 0.0) { r29 = r15 + r43; r29 = r43 * r29; r43 = r43 * r20 + r15;
        r43 = r29 / r43; r43 = r4 - r43 * r1; r43 = r37 * r43; } r43 = r42 != 0.0 ? r35 : r43; r35 = r38 * r22;
        r35 = r43 > r35 ? r43 : r35; NARROWED(32, 1) = (float)r35; r43 = r33 * r1 + r4; r43 = r2 / r43;
        r43 = r23 + r43; if (r31 != 0.0) { r42 = r34 * r43 + r34; r42 = r42 < r39 ? r42 : r39; r37 = r34 * r41;
        r37 = sqrt(r37); r37 = r37 * r18; r29 = r34 * r2; r29 = r37 < r29 ? r37 : r29; r29 = r42 > r29 ? r42 : r29; }
        if (r31 == 0.0) { r42 = r15 + r43; r42 = r43 * r42; r43 = r43 * r20 + r15; r43 = r42 / r43;
        r43 = r4 - r43 * r24; r43 = r34 * r43; } r43 = r31 != 0.0 ? r29 : r43; r38 = r35 - r38; r38 = r38 * r21 + r35;
        r38 = r43 > r38 ? r43 : r38; NARROWED(33, 1) = (float)r38; r43 = r33 * r24 + r4; r43 = r2 / r43;
        r43 = r23 + r43; r43 = r43 < r6 ? r43 : r6; r29 = r41 > r26 ? 1.0 : 0.0; if (r29 != 0.0) {
        r31 = r26 * r43 + r26; r39 = r31 < r39 ? r31 : r39; r41 = r26 * r41; r41 = sqrt(r41); r41 = r41 * r18;
        r31 = r26 * r2; r31 = r41 < r31 ? r41 : r31; r31 = r39 > r31 ? r39 : r31; } if (r29 == 0.0) { r39 = r15 + r43;
        r39 = r43 * r39; r43 = r43 * r20 + r15; r43 = r39 / r43; r43 = r4 - r43 * r25; r43 = r26 * r43; }
        r43 = r29 != 0.0 ? r31 : r43; r35 = r38 - r35; r38 = r35 * r18 + r38; r38 = r43 > r38 ? r43 : r38;
        NARROWED(34, 1) = (float)r38; r33 = r33 + r4; WIDE(35, 1) = r33; r44 = r40 + r44; r30 = r44 + r30;
        results[0][step] = r30;
    }
}

/* score with a week, a reading: 530 instructions */
static void program_8(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28]; const double r29 = k[29]; const double r30 = k[30]; const double r31 = k[31];
    const double r32 = k[32]; const double r33 = k[33]; const double r34 = k[34]; const double r35 = k[35];
    const double r36 = k[36]; const double r37 = k[37]; const double r38 = k[38]; const double r39 = k[39];
    const double r40 = k[40]; const double r41 = k[41]; const double r42 = k[42]; const double r43 = k[43];
    const double r44 = k[44];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step); const Py_ssize_t at1 = place(&slots[1], step);
        double r45 = 0.0; double r46 = 0.0; double r47 = 0.0; double r48 = 0.0; double r49 = 0.0; double r50 = 0.0;
        double r51 = 0.0; double r52 = 0.0; double r53 = 0.0; double r54 = 0.0; double r55 = 0.0; double r56 = 0.0;
        double r57 = 0.0; double r58 = 0.0; double r59 = 0.0; double r60 = 0.0; double r61 = 0.0; double r62 = 0.0;
        double r63 = 0.0; double r64 = 0.0; double r65 = 0.0; double r66 = 0.0; double r67 = 0.0; double r68 = 0.0;
        double r69 = 0.0; double r70 = 0.0; double r71 = 0.0; double r72 = 0.0; double r73 = 0.0; double r74 = 0.0;
        double r75 = 0.0; double r76 = 0.0; double r77 = 0.0; double r78 = 0.0; double r79 = 0.0; double r80 = 0.0;
        double r81 = 0.0; double r82 = 0.0;
        r45 = WIDE(0, 0); r46 = r45 > r0 ? 1.0 : 0.0; r47 = series[0][step]; r48 = WIDE(1, 0);
        r48 = r46 != 0.0 ? r48 : r47; WIDE(1, 0) = r48; r49 = WIDE(2, 0); r50 = series[1][step]; r51 = r47 - r50;
        r52 = r51 - r49; r53 = (double)NARROWED(3, 0); r54 = r45 < r3 ? 1.0 : 0.0; r55 = r45 < r1 ? 1.0 : 0.0;
        if (r55 == 0.0) { r56 = r54 != 0.0 ? r5 : r4; r56 = r53 * r56; r56 = r56 > r0 ? r56 : r2; }
        r56 = r55 != 0.0 ? r2 : r56; r52 = r52 > r56 ? 1.0 : 0.0; r55 = r49 - r51; r55 = r55 > r56 ? 1.0 : 0.0;
        r57 = r49 + r56; r56 = r49 - r56; r56 = r55 != 0.0 ? r56 : r51; r56 = r52 != 0.0 ? r57 : r56; r57 = r56 - r49;
        r58 = r45 + r6; WIDE(0, 0) = r58; r58 = r6 / r58; r59 = series[4][step]; r59 = r59 > r8 ? r59 : r8;
        r59 = r7 / r59; r59 = r59 > r6 ? r59 : r6; r60 = r59 * r9; r60 = r6 / r60; r60 = r58 > r60 ? r58 : r60;
        r61 = r57 * r60 + r49; WIDE(2, 0) = r61; r61 = r45 > r1 ? 1.0 : 0.0; r62 = (double)NARROWED(4, 1);
        r63 = (double)NARROWED(5, 0); r64 = r63 * r10 + r62; r65 = r53 * r11; r66 = (double)NARROWED(6, 1);
        r67 = r66 / r59; r67 = r67 * r67 + r6; r67 = r65 / r67; r67 = r64 + r67; r64 = (double)NARROWED(7, 1);
        r48 = r64 + r48; r65 = r66 + r6; NARROWED(6, 1) = (float)r65; r49 = r66 * r48 + r49; r49 = r49 / r65;
        r49 = r46 != 0.0 ? r49 : r56; if (r61 != 0.0) { r68 = r67 > r0 ? 1.0 : 0.0; if (r68 != 0.0) { r69 = r51 - r49;
        r69 = fabs(r69); r70 = r67 > r12 ? r67 : r12; r70 = r69 / r70; r70 = r70 < r13 ? r70 : r13; }
        r70 = r68 != 0.0 ? r70 : r0; } r70 = r61 != 0.0 ? r70 : r0; r68 = (double)NARROWED(8, 0);
        r69 = r70 > r68 ? 1.0 : 0.0; r71 = r6 + r45; r71 = r15 / r71; r71 = r14 + r71; r71 = r71 < r11 ? r71 : r11;
        r72 = r70 * r16; if (r69 != 0.0) { r73 = r68 * r71 + r68; r73 = r73 < r72 ? r73 : r72; r74 = r68 * r70;
        r74 = sqrt(r74); r74 = r74 * r15; r75 = r68 * r1; r75 = r74 < r75 ? r74 : r75; r75 = r73 > r75 ? r73 : r75; }
        if (r69 == 0.0) { r73 = r17 + r71; r73 = r71 * r73; r71 = r71 * r18 + r17; r71 = r73 / r71;
        r71 = r6 - r71 * r19; r71 = r68 * r71; } r71 = r69 != 0.0 ? r75 : r71; r71 = r71 > r15 ? r71 : r15;
        r75 = r61 != 0.0 ? r71 : r68; NARROWED(8, 0) = (float)r75; r75 = (double)NARROWED(9, 0);
        r73 = r70 > r75 ? 1.0 : 0.0; r74 = r45 * r19 + r6; r74 = r6 / r74; r74 = r19 + r74;
        r74 = r74 < r11 ? r74 : r11; if (r73 != 0.0) { r76 = r75 * r74 + r75; r76 = r76 < r72 ? r76 : r72;
        r77 = r75 * r70; r77 = sqrt(r77); r77 = r77 * r15; r78 = r75 * r1; r78 = r77 < r78 ? r77 : r78;
        r78 = r76 > r78 ? r76 : r78; } if (r73 == 0.0) { r76 = r17 + r74; r76 = r74 * r76; r74 = r74 * r18 + r17;
        r74 = r76 / r74; r74 = r6 - r74 * r20; r74 = r75 * r74; } r74 = r73 != 0.0 ? r78 : r74; r78 = r71 * r21;
        r78 = r74 > r78 ? r74 : r78; r74 = r61 != 0.0 ? r78 : r75; NARROWED(9, 0) = (float)r74;
        r74 = (double)NARROWED(10, 0); r76 = r70 > r74 ? 1.0 : 0.0; r77 = r45 * r20 + r6; r77 = r1 / r77;
        r77 = r22 + r77; r77 = r77 < r11 ? r77 : r11; if (r76 != 0.0) { r79 = r74 * r77 + r74;
        r79 = r79 < r72 ? r79 : r72; r80 = r74 * r70; r80 = sqrt(r80); r80 = r80 * r15; r81 = r74 * r1;
        r81 = r80 < r81 ? r80 : r81; r81 = r79 > r81 ? r79 : r81; } if (r76 == 0.0) { r79 = r17 + r77;
        r79 = r77 * r79; r77 = r77 * r18 + r17; r77 = r79 / r77; r77 = r6 - r77 * r8; r77 = r74 * r77; }
        r77 = r76 != 0.0 ? r81 : r77; r71 = r78 - r71; r71 = r71 * r19 + r78; r71 = r77 > r71 ? r77 : r71;
        r77 = r61 != 0.0 ? r71 : r74; NARROWED(10, 0) = (float)r77; r77 = (double)NARROWED(11, 0); if (r61 != 0.0) {
        r81 = r45 * r8 + r6; r81 = r23 / r81; r81 = r15 + r81; r81 = r81 < r11 ? r81 : r11;
        r79 = r70 > r77 ? 1.0 : 0.0; if (r79 != 0.0) { r80 = r77 * r81 + r77; r72 = r80 < r72 ? r80 : r72;
        r80 = r77 * r70; r80 = sqrt(r80); r80 = r80 * r15; r82 = r77 * r1; r82 = r80 < r82 ? r80 : r82;
        r82 = r72 > r82 ? r72 : r82; } if (r79 == 0.0) { r72 = r17 + r81; r72 = r81 * r72; r81 = r81 * r18 + r17;
        r81 = r72 / r81; r81 = r6 - r81 * r24; r81 = r77 * r81; } r81 = r79 != 0.0 ? r82 : r81; r78 = r71 - r78;
        r71 = r78 * r15 + r71; r71 = r81 > r71 ? r81 : r71; } r71 = r61 != 0.0 ? r71 : r77;
        NARROWED(11, 0) = (float)r71; r71 = WIDE(12, 0); r61 = r71 < r56 ? r71 : r56; r61 = r55 != 0.0 ? r71 : r61;
        r61 = r46 != 0.0 ? r61 : r56; WIDE(12, 0) = r61; r61 = WIDE(13, 0); r55 = r61 > r56 ? r61 : r56;
        r55 = r52 != 0.0 ? r61 : r55; r55 = r46 != 0.0 ? r55 : r56; WIDE(13, 0) = r55; r66 = r66 >= r25 ? 1.0 : 0.0;
        r55 = r56 - r49; r52 = fabs(r55); r81 = r62 * r23; r81 = r63 * r19 + r81; r78 = r52 < r81 ? r52 : r81;
        r78 = r66 != 0.0 ? r78 : r52; r78 = r78 - r62; r65 = r6 / r65; r59 = r59 * r3; r59 = r6 / r59;
        r59 = r65 > r59 ? r65 : r59; r62 = r78 * r59 + r62; r62 = r62 < r2 ? r62 : r2; NARROWED(4, 1) = (float)r62;
        r48 = r56 - r48; if (r66 != 0.0) { r56 = r48 < r81 ? r48 : r81; r81 = r0 - r81; r81 = r56 > r81 ? r56 : r81; }
        r48 = r66 != 0.0 ? r81 : r48; r64 = r48 * r59 + r64; r64 = r64 < r2 ? r64 : r2; r64 = r64 > r26 ? r64 : r26;
        NARROWED(7, 1) = (float)r64; r64 = r63 * r25; r64 = r52 < r64 ? r52 : r64; r64 = r54 != 0.0 ? r52 : r64;
        r64 = r64 - r63; r52 = r58 > r8 ? r58 : r8; r63 = r64 * r52 + r63; r63 = r63 < r2 ? r63 : r2;
        NARROWED(5, 0) = (float)r63; r57 = fabs(r57); r57 = r46 != 0.0 ? r57 : r0; r63 = r53 * r25;
        r63 = r57 < r63 ? r57 : r63; r63 = r54 != 0.0 ? r57 : r63; r63 = r63 - r53; r53 = r63 * r60 + r53;
        r53 = r53 < r2 ? r53 : r2; NARROWED(3, 0) = (float)r53; r53 = WIDE(14, 0); r60 = r55 - r53;
        r63 = r58 > r27 ? r58 : r27; r53 = r60 * r63 + r53; WIDE(14, 0) = r53; r63 = WIDE(15, 0); r60 = r55 - r63;
        r57 = r58 > r28 ? r58 : r28; r60 = r60 * r57 + r63; WIDE(15, 0) = r60; r60 = WIDE(16, 0);
        r55 = r46 != 0.0 ? r63 : r55; r55 = r53 - r55; r53 = r55 * r55; r63 = r60 * r29; r63 = r53 < r63 ? r53 : r63;
        r53 = r45 > r4 ? r63 : r53; r53 = r53 - r60; r53 = r53 * r57 + r60; WIDE(16, 0) = r53;
        r53 = (double)NARROWED(17, 0); r63 = r45 > r3 ? 1.0 : 0.0; r54 = r60 > r0 ? 1.0 : 0.0;
        r54 = ((r63 != 0.0) & (r54 != 0.0)) ? 1.0 : 0.0; r55 = fabs(r55); r60 = sqrt(r60);
        r60 = r60 > r12 ? r60 : r12; r60 = r55 / r60; r60 = r60 < r13 ? r60 : r13; r55 = r54 != 0.0 ? r60 : r0;
        r55 = r53 > r55 ? r53 : r55; NARROWED(17, 0) = (float)r55; r55 = (double)NARROWED(18, 0);
        r53 = series[3][step]; r53 = r53 < r25 ? r53 : r25; r63 = r53 - r55; r52 = r58 > r30 ? r58 : r30;
        r55 = r63 * r52 + r55; NARROWED(18, 0) = (float)r55; r52 = (double)NARROWED(19, 0); r53 = r53 - r52;
        r58 = r58 > r31 ? r58 : r31; r58 = r53 * r58 + r52; NARROWED(19, 0) = (float)r58; r58 = r45 - r32;
        r53 = (double)NARROWED(20, 0); r63 = r55 - r52; r63 = r63 * r11; r52 = r55 + r52; r52 = r52 + r14;
        r52 = r63 / r52; r63 = r58 > r0 ? 1.0 : 0.0; if (r63 != 0.0) { r55 = r52 * r52; r64 = r53 * r29;
        r64 = r55 < r64 ? r55 : r64; r55 = r45 > r33 ? r64 : r55; r55 = r55 - r53; r58 = r58 > r6 ? r58 : r6;
        r58 = r6 / r58; r58 = r58 > r31 ? r58 : r31; r58 = r55 * r58 + r53; } r58 = r63 != 0.0 ? r58 : r0;
        NARROWED(20, 0) = (float)r58; r58 = (double)NARROWED(21, 0); r63 = r45 > r34 ? 1.0 : 0.0;
        r55 = r53 > r0 ? 1.0 : 0.0; r55 = ((r63 != 0.0) & (r55 != 0.0)) ? 1.0 : 0.0; r52 = fabs(r52); r53 = sqrt(r53);
        r53 = r53 > r12 ? r53 : r12; r53 = r52 / r53; r53 = r53 < r13 ? r53 : r13; r52 = r55 != 0.0 ? r53 : r0;
        r52 = r58 > r52 ? r58 : r52; NARROWED(21, 0) = (float)r52; if (r46 != 0.0) { r52 = WIDE(22, 0);
        r58 = r47 < r52 ? r6 : r0; r58 = r47 > r52 ? r6 : r58; } r58 = r46 != 0.0 ? r58 : r6; WIDE(22, 0) = r47;
        r47 = r58 > r0 ? 1.0 : 0.0; r52 = (double)NARROWED(23, 0); r63 = r52 + r6; r63 = r47 != 0.0 ? r0 : r63;
        NARROWED(23, 0) = (float)r63; r64 = (double)NARROWED(24, 0); r47 = r47 != 0.0 ? r52 : r0;
        r47 = r64 > r47 ? r64 : r47; NARROWED(24, 0) = (float)r47; r47 = (double)NARROWED(25, 0); r58 = r58 - r47;
        r57 = r58 * r57 + r47; r57 = r52 >= r35 ? r47 : r57; NARROWED(25, 0) = (float)r57; r64 = r64 * r11;
        r64 = r64 > r35 ? r64 : r35; r57 = r64 * r25; r57 = r63 > r57 ? 1.0 : 0.0; if (r57 == 0.0) { r52 = r64 * r18;
        r52 = r63 > r52 ? 1.0 : 0.0; if (r52 == 0.0) { r58 = r64 * r11; r59 = r63 > r64 ? r6 : r0;
        r59 = r63 > r58 ? r11 : r59; } r59 = r52 != 0.0 ? r18 : r59; } r59 = r57 != 0.0 ? r25 : r59; r64 = r59 * r64;
        r59 = r17 - r47; r59 = r47 * r59; r47 = r17 - r47 * r18; r47 = r59 / r47; r47 = r47 / r36; r47 = r64 * r47;
        r47 = r47 < r25 ? r47 : r25; r64 = r45 > r0 ? r45 : r0; r64 = sqrt(r64); r64 = r64 / r17; r64 = r64 + r37;
        r64 = r64 < r38 ? r64 : r38; r47 = r47 < r64 ? r47 : r64; r47 = r47 + r39; if (r55 != 0.0) {
        r59 = (double)NARROWED(26, 0); r57 = r53 > r59 ? 1.0 : 0.0; if (r57 != 0.0) { r52 = (double)NARROWED(27, 0);
        r58 = r53 > r52 ? 1.0 : 0.0; if (r58 != 0.0) { r63 = r53 - r52; r48 = (double)NARROWED(28, 0);
        r48 = r48 - r52; r48 = r63 / r48; r48 = r1 + r48; } if (r58 == 0.0) { r63 = (double)NARROWED(29, 0);
        r81 = r53 > r63 ? 1.0 : 0.0; if (r81 != 0.0) { r66 = r53 - r63; r52 = r52 - r63; r52 = r66 / r52;
        r52 = r11 + r52; } if (r81 == 0.0) { if (r57 != 0.0) { r66 = r53 - r59; r63 = r63 - r59; r63 = r66 / r63;
        r63 = r6 + r63; } r59 = r53 / r59; r59 = r57 != 0.0 ? r63 : r59; } r59 = r81 != 0.0 ? r52 : r59; }
        r59 = r58 != 0.0 ? r48 : r59; r59 = r59 < r38 ? r59 : r38; r48 = r45 / r32; r48 = r48 > r0 ? r48 : r0;
        r48 = sqrt(r48); r48 = r48 / r17; r48 = r48 + r37; r48 = r48 < r38 ? r48 : r38; r48 = r59 < r48 ? r59 : r48;
        r48 = r48 + r40; } r48 = r57 != 0.0 ? r48 : r0; } r48 = r55 != 0.0 ? r48 : r0; r48 = r48 + r41;
        if (r54 != 0.0) { r55 = (double)NARROWED(30, 0); r57 = r60 > r55 ? 1.0 : 0.0; if (r57 != 0.0) {
        r59 = (double)NARROWED(31, 0); r58 = r60 > r59 ? 1.0 : 0.0; if (r58 != 0.0) { r52 = r60 - r59;
        r81 = (double)NARROWED(32, 0); r81 = r81 - r59; r81 = r52 / r81; r81 = r1 + r81; } if (r58 == 0.0) {
        r52 = (double)NARROWED(33, 0); r63 = r60 > r52 ? 1.0 : 0.0; if (r63 != 0.0) { r53 = r60 - r52;
        r59 = r59 - r52; r59 = r53 / r59; r59 = r11 + r59; } if (r63 == 0.0) { if (r57 != 0.0) { r53 = r60 - r55;
        r52 = r52 - r55; r52 = r53 / r52; r52 = r6 + r52; } r55 = r60 / r55; r55 = r57 != 0.0 ? r52 : r55; }
        r55 = r63 != 0.0 ? r59 : r55; } r55 = r58 != 0.0 ? r81 : r55; r55 = r55 < r38 ? r55 : r38; r81 = r45 / r35;
        r81 = r81 > r0 ? r81 : r0; r81 = sqrt(r81); r81 = r81 / r17; r81 = r81 + r37; r81 = r81 < r38 ? r81 : r38;
        r81 = r55 < r81 ? r55 : r81; r81 = r81 + r6; } r81 = r57 != 0.0 ? r81 : r0; } r81 = r54 != 0.0 ? r81 : r0;
        r81 = r81 + r42; r54 = series[2][step]; r54 = r54 + r43; if (r76 != 0.0) { r57 = r70 - r74; r77 = r77 - r74;
        r77 = r57 / r77; r77 = r1 + r77; } if (r76 == 0.0) { if (r73 != 0.0) { r57 = r70 - r75; r74 = r74 - r75;
        r74 = r57 / r74; r74 = r11 + r74; } if (r73 == 0.0) { if (r69 != 0.0) { r57 = r70 - r68; r75 = r75 - r68;
        r75 = r57 / r75; r75 = r6 + r75; } r68 = r70 / r68; r68 = r69 != 0.0 ? r75 : r68; }
        r68 = r73 != 0.0 ? r74 : r68; } r68 = r76 != 0.0 ? r77 : r68; r68 = r68 < r38 ? r68 : r38;
        r64 = r68 < r64 ? r68 : r64; if (r46 != 0.0) { r68 = r61 > r71 ? 1.0 : 0.0; if (r68 != 0.0) { r77 = r51 - r61;
        r51 = r71 - r51; r51 = r77 > r51 ? r77 : r51; r71 = r61 - r71; r71 = r71 > r12 ? r71 : r12; r71 = r51 / r71;
        r71 = r71 < r13 ? r71 : r13; r71 = r71 > r0 ? r71 : r0; r71 = r71 < r15 ? r71 : r15; }
        r71 = r68 != 0.0 ? r71 : r0; } r71 = r46 != 0.0 ? r71 : r0; r64 = r71 * r18 + r64; r64 = r64 + r44;
        r71 = r64 > r0 ? r64 : r0; r46 = r54 > r71 ? 1.0 : 0.0; r71 = r46 != 0.0 ? r54 : r71;
        r54 = r81 > r71 ? 1.0 : 0.0; r71 = r54 != 0.0 ? r81 : r71; r81 = r48 > r71 ? 1.0 : 0.0;
        r71 = r81 != 0.0 ? r48 : r71; r48 = r47 > r71 ? 1.0 : 0.0; r71 = r48 != 0.0 ? r47 : r71;
        NARROWED(34, 0) = (float)r71; r47 = (double)NARROWED(35, 0); r68 = r47 > r0 ? 1.0 : 0.0;
        r51 = (double)NARROWED(36, 0); r61 = r51 + r19; r61 = r68 != 0.0 ? r61 : r15; r61 = r71 > r61 ? 1.0 : 0.0;
        r51 = r68 != 0.0 ? r51 : r0; r51 = r61 != 0.0 ? r71 : r51; NARROWED(36, 0) = (float)r51; r47 = r47 - r6;
        r47 = r47 > r0 ? r47 : r0; r47 = r61 != 0.0 ? r33 : r47; NARROWED(35, 0) = (float)r47;
        r47 = r61 != 0.0 ? r71 : r0; WIDE(37, 0) = r47; r51 = (double)NARROWED(38, 0); r47 = r51 > r47 ? r51 : r47;
        NARROWED(38, 0) = (float)r47; r45 = r45 >= r1 ? 1.0 : 0.0; r45 = ((r61 != 0.0) & (r45 != 0.0)) ? 1.0 : 0.0;
        if (r45 != 0.0) { if (r48 == 0.0) { if (r81 == 0.0) { r64 = r64 > r0 ? r0 : r0; r64 = r46 != 0.0 ? r6 : r64;
        r64 = r54 != 0.0 ? r11 : r64; } r64 = r81 != 0.0 ? r1 : r64; } r64 = r48 != 0.0 ? r18 : r64; }
        r48 = (double)NARROWED(39, 0); r48 = r45 != 0.0 ? r64 : r48; NARROWED(39, 0) = (float)r48; if (r61 != 0.0) {
        r50 = r49 + r50; r50 = r50 < r2 ? r50 : r2; r50 = r50 > r26 ? r50 : r26; } r49 = (double)NARROWED(40, 0);
        r49 = r61 != 0.0 ? r50 : r49; NARROWED(40, 0) = (float)r49; r67 = r67 < r2 ? r67 : r2;
        r49 = (double)NARROWED(41, 0); r49 = r61 != 0.0 ? r67 : r49; NARROWED(41, 0) = (float)r49;
        results[0][step] = r71;
    }
}

/* score with a week, a run: 697 instructions */
static void program_9(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28]; const double r29 = k[29]; const double r30 = k[30]; const double r31 = k[31];
    const double r32 = k[32]; const double r33 = k[33]; const double r34 = k[34]; const double r35 = k[35];
    const double r36 = k[36]; const double r37 = k[37]; const double r38 = k[38]; const double r39 = k[39];
    const double r40 = k[40]; const double r41 = k[41]; const double r42 = k[42];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step); const Py_ssize_t at1 = place(&slots[1], step);
        const Py_ssize_t at2 = place(&slots[2], step); const Py_ssize_t at3 = place(&slots[3], step);
        const Py_ssize_t at4 = place(&slots[4], step);
        double r43 = 0.0; double r44 = 0.0; double r45 = 0.0; double r46 = 0.0; double r47 = 0.0; double r48 = 0.0;
        double r49 = 0.0; double r50 = 0.0; double r51 = 0.0; double r52 = 0.0; double r53 = 0.0; double r54 = 0.0;
        double r55 = 0.0; double r56 = 0.0; double r57 = 0.0; double r58 = 0.0; double r59 = 0.0; double r60 = 0.0;
        double r61 = 0.0; double r62 = 0.0; double r63 = 0.0; double r64 = 0.0; double r65 = 0.0; double r66 = 0.0;
        double r67 = 0.0; double r68 = 0.0; double r69 = 0.0; double r70 = 0.0; double r71 = 0.0; double r72 = 0.0;
        double r73 = 0.0; double r74 = 0.0; double r75 = 0.0; double r76 = 0.0; double r77 = 0.0; double r78 = 0.0;
        double r79 = 0.0; double r80 = 0.0; double r81 = 0.0; double r82 = 0.0;
        r43 = WIDE(0, 0); r44 = series[0][step]; r45 = series[1][step]; r46 = r44 - r45; r47 = r46 - r43;
        r48 = (double)NARROWED(1, 0); r49 = r48 * r0; r49 = r49 > r1 ? r49 : r2; r47 = r47 > r49 ? 1.0 : 0.0;
        r50 = r43 - r46; r50 = r50 > r49 ? 1.0 : 0.0; r51 = r43 + r49; r49 = r43 - r49; r49 = r50 != 0.0 ? r49 : r46;
        r49 = r47 != 0.0 ? r51 : r49; r51 = r49 - r43; r52 = WIDE(2, 0); r53 = r52 + r3; WIDE(3, 1) = r53;
        r54 = r3 / r53; r55 = series[4][step]; r55 = r55 > r5 ? r55 : r5; r55 = r4 / r55; r55 = r55 > r3 ? r55 : r3;
        r56 = r55 * r6; r56 = r3 / r56; r56 = r54 > r56 ? r54 : r56; r54 = r51 * r56 + r43; WIDE(4, 1) = r54;
        r54 = (double)NARROWED(5, 2); r57 = (double)NARROWED(6, 0); r58 = r57 * r7 + r54; r59 = r48 * r8;
        r60 = (double)NARROWED(7, 2); r61 = r60 / r55; r61 = r61 * r61 + r3; r61 = r59 / r61; r61 = r58 + r61;
        r58 = (double)NARROWED(8, 2); r59 = WIDE(9, 4); r59 = r58 + r59; r43 = r60 * r59 + r43; r62 = r60 + r3;
        NARROWED(10, 3) = (float)r62; r43 = r43 / r62; r63 = r61 > r1 ? 1.0 : 0.0; if (r63 != 0.0) { r64 = r46 - r43;
        r64 = fabs(r64); r65 = r61 > r9 ? r61 : r9; r65 = r64 / r65; r65 = r65 < r10 ? r65 : r10; }
        r65 = r63 != 0.0 ? r65 : r1; r63 = (double)NARROWED(11, 0); r64 = r65 > r63 ? 1.0 : 0.0; r66 = r3 + r52;
        r66 = r12 / r66; r66 = r11 + r66; r67 = r65 * r13; if (r64 != 0.0) { r68 = r63 * r66 + r63;
        r68 = r68 < r67 ? r68 : r67; r69 = r63 * r65; r69 = sqrt(r69); r69 = r69 * r12; r70 = r63 * r14;
        r70 = r69 < r70 ? r69 : r70; r70 = r68 > r70 ? r68 : r70; } if (r64 == 0.0) { r68 = r15 + r66;
        r68 = r66 * r68; r66 = r66 * r16 + r15; r66 = r68 / r66; r66 = r3 - r66 * r17; r66 = r63 * r66; }
        r66 = r64 != 0.0 ? r70 : r66; r66 = r66 > r12 ? r66 : r12; NARROWED(12, 1) = (float)r66;
        r70 = (double)NARROWED(13, 0); r68 = r65 > r70 ? 1.0 : 0.0; r69 = r52 * r17 + r3; r69 = r3 / r69;
        r69 = r17 + r69; if (r68 != 0.0) { r71 = r70 * r69 + r70; r71 = r71 < r67 ? r71 : r67; r72 = r70 * r65;
        r72 = sqrt(r72); r72 = r72 * r12; r73 = r70 * r14; r73 = r72 < r73 ? r72 : r73; r73 = r71 > r73 ? r71 : r73; }
        if (r68 == 0.0) { r71 = r15 + r69; r71 = r69 * r71; r69 = r69 * r16 + r15; r69 = r71 / r69;
        r69 = r3 - r69 * r18; r69 = r70 * r69; } r69 = r68 != 0.0 ? r73 : r69; r73 = r66 * r19;
        r73 = r69 > r73 ? r69 : r73; NARROWED(14, 1) = (float)r73; r69 = (double)NARROWED(15, 0);
        r71 = r65 > r69 ? 1.0 : 0.0; r72 = r52 * r18 + r3; r72 = r14 / r72; r72 = r20 + r72; if (r71 != 0.0) {
        r74 = r69 * r72 + r69; r74 = r74 < r67 ? r74 : r67; r75 = r69 * r65; r75 = sqrt(r75); r75 = r75 * r12;
        r76 = r69 * r14; r76 = r75 < r76 ? r75 : r76; r76 = r74 > r76 ? r74 : r76; } if (r71 == 0.0) {
        r74 = r15 + r72; r74 = r72 * r74; r72 = r72 * r16 + r15; r72 = r74 / r72; r72 = r3 - r72 * r5;
        r72 = r69 * r72; } r72 = r71 != 0.0 ? r76 : r72; r66 = r73 - r66; r66 = r66 * r17 + r73;
        r66 = r72 > r66 ? r72 : r66; NARROWED(16, 1) = (float)r66; r72 = (double)NARROWED(17, 0); r76 = r52 * r5 + r3;
        r76 = r21 / r76; r76 = r12 + r76; r76 = r76 < r8 ? r76 : r8; r74 = r65 > r72 ? 1.0 : 0.0; if (r74 != 0.0) {
        r75 = r72 * r76 + r72; r67 = r75 < r67 ? r75 : r67; r75 = r72 * r65; r75 = sqrt(r75); r75 = r75 * r12;
        r77 = r72 * r14; r77 = r75 < r77 ? r75 : r77; r77 = r67 > r77 ? r67 : r77; } if (r74 == 0.0) {
        r67 = r15 + r76; r67 = r76 * r67; r76 = r76 * r16 + r15; r76 = r67 / r76; r76 = r3 - r76 * r22;
        r76 = r72 * r76; } r76 = r74 != 0.0 ? r77 : r76; r73 = r66 - r73; r66 = r73 * r12 + r66;
        r66 = r76 > r66 ? r76 : r66; NARROWED(18, 1) = (float)r66; r66 = WIDE(19, 0); r76 = r66 < r49 ? r66 : r49;
        r76 = r50 != 0.0 ? r66 : r76; WIDE(20, 1) = r76; r76 = WIDE(21, 0); r50 = r76 > r49 ? r76 : r49;
        r50 = r47 != 0.0 ? r76 : r50; WIDE(22, 1) = r50; r60 = r60 >= r23 ? 1.0 : 0.0; r50 = r49 - r43;
        r47 = fabs(r50); r73 = r54 * r21; r73 = r57 * r17 + r73; r77 = r47 < r73 ? r47 : r73;
        r77 = r60 != 0.0 ? r77 : r47; r77 = r77 - r54; r62 = r3 / r62; r55 = r55 * r24; r55 = r3 / r55;
        r55 = r62 > r55 ? r62 : r55; r54 = r77 * r55 + r54; r54 = r54 < r2 ? r54 : r2; NARROWED(23, 3) = (float)r54;
        r59 = r49 - r59; if (r60 != 0.0) { r49 = r59 < r73 ? r59 : r73; r73 = r1 - r73; r73 = r49 > r73 ? r49 : r73; }
        r59 = r60 != 0.0 ? r73 : r59; r58 = r59 * r55 + r58; r58 = r58 < r2 ? r58 : r2; r58 = r58 > r25 ? r58 : r25;
        NARROWED(24, 3) = (float)r58; r58 = r57 * r23; r58 = r47 < r58 ? r47 : r58; r58 = r58 - r57;
        r57 = r58 * r5 + r57; r57 = r57 < r2 ? r57 : r2; NARROWED(25, 1) = (float)r57; r51 = fabs(r51);
        r57 = r48 * r23; r57 = r51 < r57 ? r51 : r57; r57 = r57 - r48; r48 = r57 * r56 + r48;
        r48 = r48 < r2 ? r48 : r2; NARROWED(26, 1) = (float)r48; r48 = WIDE(27, 0); r56 = r50 - r48;
        r48 = r56 * r26 + r48; WIDE(28, 1) = r48; r56 = WIDE(29, 0); r50 = r50 - r56; r50 = r50 * r27 + r56;
        WIDE(30, 1) = r50; r50 = WIDE(31, 0); r56 = r48 - r56; r48 = r56 * r56; r57 = r50 * r28;
        r57 = r48 < r57 ? r48 : r57; r57 = r57 - r50; r57 = r57 * r27 + r50; WIDE(32, 1) = r57; r57 = series[5][step];
        r48 = (double)NARROWED(33, 0); r51 = r50 > r1 ? 1.0 : 0.0; r56 = fabs(r56); r50 = sqrt(r50);
        r50 = r50 > r9 ? r50 : r9; r50 = r56 / r50; r50 = r50 < r10 ? r50 : r10; r56 = r51 != 0.0 ? r50 : r1;
        r56 = r48 > r56 ? r48 : r56; r48 = r57 != 0.0 ? r1 : r56; NARROWED(34, 1) = (float)r48;
        r48 = (double)NARROWED(35, 0); r58 = series[3][step]; r58 = r58 < r23 ? r58 : r23; r47 = r58 - r48;
        r48 = r47 * r29 + r48; NARROWED(36, 1) = (float)r48; r47 = (double)NARROWED(37, 0); r58 = r58 - r47;
        r58 = r58 * r30 + r47; NARROWED(38, 1) = (float)r58; r58 = (double)NARROWED(39, 0); r55 = r48 - r47;
        r55 = r55 * r8; r47 = r48 + r47; r47 = r47 + r11; r47 = r55 / r47; r55 = r47 * r47; r48 = r58 * r28;
        r48 = r55 < r48 ? r55 : r48; r48 = r48 - r58; r48 = r48 * r30 + r58; NARROWED(40, 1) = (float)r48;
        r48 = series[6][step]; r55 = (double)NARROWED(41, 0); r59 = r58 > r1 ? 1.0 : 0.0; r47 = fabs(r47);
        r58 = sqrt(r58); r58 = r58 > r9 ? r58 : r9; r58 = r47 / r58; r58 = r58 < r10 ? r58 : r10;
        r47 = r59 != 0.0 ? r58 : r1; r47 = r55 > r47 ? r55 : r47; r55 = r48 != 0.0 ? r1 : r47;
        NARROWED(42, 1) = (float)r55; r55 = WIDE(43, 0); WIDE(44, 1) = r44; r73 = r44 < r55 ? r3 : r1;
        r73 = r44 > r55 ? r3 : r73; r55 = r73 > r1 ? 1.0 : 0.0; r44 = (double)NARROWED(45, 0); r60 = r44 + r3;
        r60 = r55 != 0.0 ? r1 : r60; NARROWED(46, 1) = (float)r60; r49 = (double)NARROWED(47, 0);
        r55 = r55 != 0.0 ? r44 : r1; r55 = r49 > r55 ? r49 : r55; NARROWED(48, 1) = (float)r55;
        r55 = (double)NARROWED(49, 0); r73 = r73 - r55; r73 = r73 * r27 + r55; r73 = r44 >= r31 ? r55 : r73;
        NARROWED(50, 1) = (float)r73; r49 = r49 * r8; r49 = r49 > r31 ? r49 : r31; r73 = r49 * r23;
        r73 = r60 > r73 ? 1.0 : 0.0; if (r73 == 0.0) { r44 = r49 * r16; r44 = r60 > r44 ? 1.0 : 0.0; if (r44 == 0.0) {
        r54 = r49 * r8; r77 = r60 > r49 ? r3 : r1; r77 = r60 > r54 ? r8 : r77; } r77 = r44 != 0.0 ? r16 : r77; }
        r77 = r73 != 0.0 ? r23 : r77; r49 = r77 * r49; r77 = r15 - r55; r77 = r55 * r77; r55 = r15 - r55 * r16;
        r55 = r77 / r55; r55 = r55 / r32; r55 = r49 * r55; r55 = r55 < r23 ? r55 : r23; r49 = r52 > r1 ? r52 : r1;
        r49 = sqrt(r49); r49 = r49 / r15; r49 = r49 + r33; r49 = r49 < r34 ? r49 : r34; r55 = r55 < r49 ? r55 : r49;
        r55 = r55 + r35; r77 = (double)NARROWED(51, 0); r73 = (double)NARROWED(52, 0); r44 = (double)NARROWED(53, 0);
        r54 = (double)NARROWED(54, 0); if (r59 != 0.0) { r60 = r58 > r77 ? 1.0 : 0.0; if (r60 != 0.0) {
        r62 = r58 > r73 ? 1.0 : 0.0; if (r62 != 0.0) { r74 = r58 - r73; r67 = r44 - r73; r67 = r74 / r67;
        r67 = r14 + r67; } if (r62 == 0.0) { r74 = r58 > r54 ? 1.0 : 0.0; if (r74 != 0.0) { r75 = r58 - r54;
        r78 = r73 - r54; r78 = r75 / r78; r78 = r8 + r78; } if (r74 == 0.0) { if (r60 != 0.0) { r75 = r58 - r77;
        r79 = r54 - r77; r79 = r75 / r79; r79 = r3 + r79; } r58 = r58 / r77; r58 = r60 != 0.0 ? r79 : r58; }
        r58 = r74 != 0.0 ? r78 : r58; } r58 = r62 != 0.0 ? r67 : r58; r58 = r58 < r34 ? r58 : r34; r67 = r52 / r36;
        r67 = r67 > r1 ? r67 : r1; r67 = sqrt(r67); r67 = r67 / r15; r67 = r67 + r33; r67 = r67 < r34 ? r67 : r34;
        r67 = r58 < r67 ? r58 : r67; r67 = r67 + r37; } r67 = r60 != 0.0 ? r67 : r1; } r67 = r59 != 0.0 ? r67 : r1;
        r67 = r67 + r38; r59 = (double)NARROWED(55, 0); r60 = (double)NARROWED(56, 0); r58 = (double)NARROWED(57, 0);
        r62 = (double)NARROWED(58, 0); if (r51 != 0.0) { r78 = r50 > r59 ? 1.0 : 0.0; if (r78 != 0.0) {
        r74 = r50 > r60 ? 1.0 : 0.0; if (r74 != 0.0) { r79 = r50 - r60; r75 = r58 - r60; r75 = r79 / r75;
        r75 = r14 + r75; } if (r74 == 0.0) { r79 = r50 > r62 ? 1.0 : 0.0; if (r79 != 0.0) { r80 = r50 - r62;
        r81 = r60 - r62; r81 = r80 / r81; r81 = r8 + r81; } if (r79 == 0.0) { if (r78 != 0.0) { r80 = r50 - r59;
        r82 = r62 - r59; r82 = r80 / r82; r82 = r3 + r82; } r50 = r50 / r59; r50 = r78 != 0.0 ? r82 : r50; }
        r50 = r79 != 0.0 ? r81 : r50; } r50 = r74 != 0.0 ? r75 : r50; r50 = r50 < r34 ? r50 : r34; r52 = r52 / r31;
        r52 = r52 > r1 ? r52 : r1; r52 = sqrt(r52); r52 = r52 / r15; r52 = r52 + r33; r52 = r52 < r34 ? r52 : r34;
        r52 = r50 < r52 ? r50 : r52; r52 = r52 + r3; } r52 = r78 != 0.0 ? r52 : r1; } r52 = r51 != 0.0 ? r52 : r1;
        r52 = r52 + r39; r51 = series[2][step]; r51 = r51 + r40; if (r71 != 0.0) { r78 = r65 - r69; r72 = r72 - r69;
        r72 = r78 / r72; r72 = r14 + r72; } if (r71 == 0.0) { if (r68 != 0.0) { r78 = r65 - r70; r69 = r69 - r70;
        r69 = r78 / r69; r69 = r8 + r69; } if (r68 == 0.0) { if (r64 != 0.0) { r78 = r65 - r63; r70 = r70 - r63;
        r70 = r78 / r70; r70 = r3 + r70; } r63 = r65 / r63; r63 = r64 != 0.0 ? r70 : r63; }
        r63 = r68 != 0.0 ? r69 : r63; } r63 = r71 != 0.0 ? r72 : r63; r63 = r63 < r34 ? r63 : r34;
        r49 = r63 < r49 ? r63 : r49; r63 = r76 > r66 ? 1.0 : 0.0; if (r63 != 0.0) { r72 = r46 - r76; r46 = r66 - r46;
        r46 = r72 > r46 ? r72 : r46; r66 = r76 - r66; r66 = r66 > r9 ? r66 : r9; r66 = r46 / r66;
        r66 = r66 < r10 ? r66 : r10; r66 = r66 > r1 ? r66 : r1; r66 = r66 < r12 ? r66 : r12; }
        r66 = r63 != 0.0 ? r66 : r1; r49 = r66 * r16 + r49; r49 = r49 + r41; r66 = r49 > r1 ? r49 : r1;
        r63 = r51 > r66 ? 1.0 : 0.0; r66 = r63 != 0.0 ? r51 : r66; r51 = r52 > r66 ? 1.0 : 0.0;
        r66 = r51 != 0.0 ? r52 : r66; r52 = r67 > r66 ? 1.0 : 0.0; r66 = r52 != 0.0 ? r67 : r66;
        r67 = r55 > r66 ? 1.0 : 0.0; r66 = r67 != 0.0 ? r55 : r66; NARROWED(59, 1) = (float)r66;
        r55 = (double)NARROWED(60, 0); r46 = r55 > r1 ? 1.0 : 0.0; r76 = (double)NARROWED(61, 0); r72 = r76 + r17;
        r72 = r46 != 0.0 ? r72 : r12; r72 = r66 > r72 ? 1.0 : 0.0; r76 = r46 != 0.0 ? r76 : r1;
        r76 = r72 != 0.0 ? r66 : r76; NARROWED(62, 1) = (float)r76; r55 = r55 - r3; r55 = r55 > r1 ? r55 : r1;
        r55 = r72 != 0.0 ? r42 : r55; NARROWED(63, 1) = (float)r55; r55 = r72 != 0.0 ? r66 : r1; WIDE(64, 1) = r55;
        r76 = (double)NARROWED(65, 0); r55 = r76 > r55 ? r76 : r55; NARROWED(66, 1) = (float)r55; if (r72 != 0.0) {
        if (r67 == 0.0) { if (r52 == 0.0) { r49 = r49 > r1 ? r1 : r1; r49 = r63 != 0.0 ? r3 : r49;
        r49 = r51 != 0.0 ? r8 : r49; } r49 = r52 != 0.0 ? r14 : r49; } r49 = r67 != 0.0 ? r16 : r49; }
        r67 = (double)NARROWED(67, 0); r67 = r72 != 0.0 ? r49 : r67; NARROWED(68, 1) = (float)r67; if (r72 != 0.0) {
        r45 = r43 + r45; r45 = r45 < r2 ? r45 : r2; r45 = r45 > r25 ? r45 : r25; } r43 = (double)NARROWED(69, 0);
        r43 = r72 != 0.0 ? r45 : r43; NARROWED(70, 1) = (float)r43; r61 = r61 < r2 ? r61 : r2;
        r43 = (double)NARROWED(71, 0); r43 = r72 != 0.0 ? r61 : r43; NARROWED(72, 1) = (float)r43;
        r56 = (double)(float)r56; r43 = r53 / r31; r61 = r3 + r43; r61 = r12 / r61; r61 = r11 + r61; r72 = r56 * r13;
        r45 = r56 > r59 ? 1.0 : 0.0; if (r45 != 0.0) { r67 = r59 * r61 + r59; r67 = r67 < r72 ? r67 : r72;
        r49 = r59 * r56; r49 = sqrt(r49); r49 = r49 * r12; r52 = r59 * r14; r52 = r49 < r52 ? r49 : r52;
        r52 = r67 > r52 ? r67 : r52; } if (r45 == 0.0) { r67 = r15 + r61; r67 = r61 * r67; r61 = r61 * r16 + r15;
        r61 = r67 / r61; r61 = r3 - r61 * r17; r61 = r59 * r61; } r61 = r45 != 0.0 ? r52 : r61;
        r61 = r61 > r12 ? r61 : r12; r59 = r57 != 0.0 ? r61 : r59; NARROWED(73, 1) = (float)r59; r59 = r43 * r17 + r3;
        r59 = r3 / r59; r59 = r17 + r59; r52 = r56 > r62 ? 1.0 : 0.0; if (r52 != 0.0) { r45 = r62 * r59 + r62;
        r45 = r45 < r72 ? r45 : r72; r67 = r62 * r56; r67 = sqrt(r67); r67 = r67 * r12; r49 = r62 * r14;
        r49 = r67 < r49 ? r67 : r49; r49 = r45 > r49 ? r45 : r49; } if (r52 == 0.0) { r45 = r15 + r59;
        r45 = r59 * r45; r59 = r59 * r16 + r15; r59 = r45 / r59; r59 = r3 - r59 * r18; r59 = r62 * r59; }
        r59 = r52 != 0.0 ? r49 : r59; r49 = r61 * r19; r49 = r59 > r49 ? r59 : r49; r62 = r57 != 0.0 ? r49 : r62;
        NARROWED(74, 1) = (float)r62; r62 = r43 * r18 + r3; r62 = r14 / r62; r62 = r20 + r62;
        r59 = r56 > r60 ? 1.0 : 0.0; if (r59 != 0.0) { r52 = r60 * r62 + r60; r52 = r52 < r72 ? r52 : r72;
        r45 = r60 * r56; r45 = sqrt(r45); r45 = r45 * r12; r67 = r60 * r14; r67 = r45 < r67 ? r45 : r67;
        r67 = r52 > r67 ? r52 : r67; } if (r59 == 0.0) { r52 = r15 + r62; r52 = r62 * r52; r62 = r62 * r16 + r15;
        r62 = r52 / r62; r62 = r3 - r62 * r5; r62 = r60 * r62; } r62 = r59 != 0.0 ? r67 : r62; r61 = r49 - r61;
        r61 = r61 * r17 + r49; r61 = r62 > r61 ? r62 : r61; r60 = r57 != 0.0 ? r61 : r60;
        NARROWED(75, 1) = (float)r60; if (r57 != 0.0) { r43 = r43 * r5 + r3; r43 = r21 / r43; r43 = r12 + r43;
        r43 = r43 < r8 ? r43 : r8; r60 = r56 > r58 ? 1.0 : 0.0; if (r60 != 0.0) { r62 = r58 * r43 + r58;
        r72 = r62 < r72 ? r62 : r72; r56 = r58 * r56; r56 = sqrt(r56); r56 = r56 * r12; r62 = r58 * r14;
        r62 = r56 < r62 ? r56 : r62; r62 = r72 > r62 ? r72 : r62; } if (r60 == 0.0) { r72 = r15 + r43;
        r72 = r43 * r72; r43 = r43 * r16 + r15; r43 = r72 / r43; r43 = r3 - r43 * r22; r43 = r58 * r43; }
        r43 = r60 != 0.0 ? r62 : r43; r49 = r61 - r49; r61 = r49 * r12 + r61; r61 = r43 > r61 ? r43 : r61; }
        r58 = r57 != 0.0 ? r61 : r58; NARROWED(76, 1) = (float)r58; r47 = (double)(float)r47; r53 = r53 / r36;
        r58 = r3 + r53; r58 = r12 / r58; r58 = r11 + r58; r61 = r47 * r13; r57 = r47 > r77 ? 1.0 : 0.0;
        if (r57 != 0.0) { r43 = r77 * r58 + r77; r43 = r43 < r61 ? r43 : r61; r49 = r77 * r47; r49 = sqrt(r49);
        r49 = r49 * r12; r62 = r77 * r14; r62 = r49 < r62 ? r49 : r62; r62 = r43 > r62 ? r43 : r62; }
        if (r57 == 0.0) { r43 = r15 + r58; r43 = r58 * r43; r58 = r58 * r16 + r15; r58 = r43 / r58;
        r58 = r3 - r58 * r17; r58 = r77 * r58; } r58 = r57 != 0.0 ? r62 : r58; r58 = r58 > r12 ? r58 : r12;
        r77 = r48 != 0.0 ? r58 : r77; NARROWED(77, 1) = (float)r77; r77 = r53 * r17 + r3; r77 = r3 / r77;
        r77 = r17 + r77; r62 = r47 > r54 ? 1.0 : 0.0; if (r62 != 0.0) { r57 = r54 * r77 + r54;
        r57 = r57 < r61 ? r57 : r61; r43 = r54 * r47; r43 = sqrt(r43); r43 = r43 * r12; r49 = r54 * r14;
        r49 = r43 < r49 ? r43 : r49; r49 = r57 > r49 ? r57 : r49; } if (r62 == 0.0) { r57 = r15 + r77;
        r57 = r77 * r57; r77 = r77 * r16 + r15; r77 = r57 / r77; r77 = r3 - r77 * r18; r77 = r54 * r77; }
        r77 = r62 != 0.0 ? r49 : r77; r49 = r58 * r19; r49 = r77 > r49 ? r77 : r49; r54 = r48 != 0.0 ? r49 : r54;
        NARROWED(78, 1) = (float)r54; r54 = r53 * r18 + r3; r54 = r14 / r54; r54 = r20 + r54;
        r54 = r54 < r8 ? r54 : r8; r77 = r47 > r73 ? 1.0 : 0.0; if (r77 != 0.0) { r62 = r73 * r54 + r73;
        r62 = r62 < r61 ? r62 : r61; r57 = r73 * r47; r57 = sqrt(r57); r57 = r57 * r12; r43 = r73 * r14;
        r43 = r57 < r43 ? r57 : r43; r43 = r62 > r43 ? r62 : r43; } if (r77 == 0.0) { r62 = r15 + r54;
        r62 = r54 * r62; r54 = r54 * r16 + r15; r54 = r62 / r54; r54 = r3 - r54 * r5; r54 = r73 * r54; }
        r54 = r77 != 0.0 ? r43 : r54; r58 = r49 - r58; r58 = r58 * r17 + r49; r58 = r54 > r58 ? r54 : r58;
        r73 = r48 != 0.0 ? r58 : r73; NARROWED(79, 1) = (float)r73; if (r48 != 0.0) { r53 = r53 * r5 + r3;
        r53 = r21 / r53; r53 = r12 + r53; r53 = r53 < r8 ? r53 : r8; r73 = r47 > r44 ? 1.0 : 0.0; if (r73 != 0.0) {
        r54 = r44 * r53 + r44; r61 = r54 < r61 ? r54 : r61; r47 = r44 * r47; r47 = sqrt(r47); r47 = r47 * r12;
        r54 = r44 * r14; r54 = r47 < r54 ? r47 : r54; r54 = r61 > r54 ? r61 : r54; } if (r73 == 0.0) {
        r61 = r15 + r53; r61 = r53 * r61; r53 = r53 * r16 + r15; r53 = r61 / r53; r53 = r3 - r53 * r22;
        r53 = r44 * r53; } r53 = r73 != 0.0 ? r54 : r53; r49 = r58 - r49; r58 = r49 * r12 + r58;
        r58 = r53 > r58 ? r53 : r58; } r44 = r48 != 0.0 ? r58 : r44; NARROWED(80, 1) = (float)r44;
        results[0][step] = r66;
    }
}

/* score without a week, a reading: 526 instructions */
static void program_10(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28]; const double r29 = k[29]; const double r30 = k[30]; const double r31 = k[31];
    const double r32 = k[32]; const double r33 = k[33]; const double r34 = k[34]; const double r35 = k[35];
    const double r36 = k[36]; const double r37 = k[37]; const double r38 = k[38]; const double r39 = k[39];
    const double r40 = k[40]; const double r41 = k[41]; const double r42 = k[42]; const double r43 = k[43];
    const double r44 = k[44];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step); const Py_ssize_t at1 = place(&slots[1], step);
        double r45 = 0.0; double r46 = 0.0; double r47 = 0.0; double r48 = 0.0; double r49 = 0.0; double r50 = 0.0;
        double r51 = 0.0; double r52 = 0.0; double r53 = 0.0; double r54 = 0.0; double r55 = 0.0; double r56 = 0.0;
        double r57 = 0.0; double r58 = 0.0; double r59 = 0.0; double r60 = 0.0; double r61 = 0.0; double r62 = 0.0;
        double r63 = 0.0; double r64 = 0.0; double r65 = 0.0; double r66 = 0.0; double r67 = 0.0; double r68 = 0.0;
        double r69 = 0.0; double r70 = 0.0; double r71 = 0.0; double r72 = 0.0; double r73 = 0.0; double r74 = 0.0;
        double r75 = 0.0; double r76 = 0.0; double r77 = 0.0; double r78 = 0.0; double r79 = 0.0; double r80 = 0.0;
        r45 = WIDE(0, 0); r46 = r45 > r0 ? 1.0 : 0.0; r47 = series[0][step]; r48 = WIDE(1, 0);
        r48 = r46 != 0.0 ? r48 : r47; WIDE(1, 0) = r48; r49 = WIDE(2, 0); r50 = r47 - r49;
        r51 = (double)NARROWED(3, 0); r52 = r45 < r3 ? 1.0 : 0.0; r53 = r45 < r1 ? 1.0 : 0.0; if (r53 == 0.0) {
        r54 = r52 != 0.0 ? r5 : r4; r54 = r51 * r54; r54 = r54 > r0 ? r54 : r2; } r54 = r53 != 0.0 ? r2 : r54;
        r50 = r50 > r54 ? 1.0 : 0.0; r53 = r49 - r47; r53 = r53 > r54 ? 1.0 : 0.0; r55 = r49 + r54; r54 = r49 - r54;
        r54 = r53 != 0.0 ? r54 : r47; r54 = r50 != 0.0 ? r55 : r54; r55 = r54 - r49; r56 = r45 + r6; WIDE(0, 0) = r56;
        r56 = r6 / r56; r57 = series[4][step]; r57 = r57 > r8 ? r57 : r8; r57 = r7 / r57; r57 = r57 > r6 ? r57 : r6;
        r58 = r57 * r9; r58 = r6 / r58; r58 = r56 > r58 ? r56 : r58; r59 = r55 * r58 + r49; WIDE(2, 0) = r59;
        r59 = r45 > r1 ? 1.0 : 0.0; r60 = (double)NARROWED(4, 1); r61 = (double)NARROWED(5, 0); r62 = r61 * r10 + r60;
        r63 = r51 * r11; r64 = (double)NARROWED(6, 1); r65 = r64 / r57; r65 = r65 * r65 + r6; r65 = r63 / r65;
        r65 = r62 + r65; r62 = (double)NARROWED(7, 1); r48 = r62 + r48; r63 = r64 + r6; NARROWED(6, 1) = (float)r63;
        r49 = r64 * r48 + r49; r49 = r49 / r63; r49 = r46 != 0.0 ? r49 : r54; if (r59 != 0.0) {
        r66 = r65 > r0 ? 1.0 : 0.0; if (r66 != 0.0) { r67 = r47 - r49; r67 = fabs(r67); r68 = r65 > r12 ? r65 : r12;
        r68 = r67 / r68; r68 = r68 < r13 ? r68 : r13; } r68 = r66 != 0.0 ? r68 : r0; } r68 = r59 != 0.0 ? r68 : r0;
        r66 = (double)NARROWED(8, 0); r67 = r68 > r66 ? 1.0 : 0.0; r69 = r6 + r45; r69 = r15 / r69; r69 = r14 + r69;
        r69 = r69 < r11 ? r69 : r11; r70 = r68 * r16; if (r67 != 0.0) { r71 = r66 * r69 + r66;
        r71 = r71 < r70 ? r71 : r70; r72 = r66 * r68; r72 = sqrt(r72); r72 = r72 * r15; r73 = r66 * r1;
        r73 = r72 < r73 ? r72 : r73; r73 = r71 > r73 ? r71 : r73; } if (r67 == 0.0) { r71 = r17 + r69;
        r71 = r69 * r71; r69 = r69 * r18 + r17; r69 = r71 / r69; r69 = r6 - r69 * r19; r69 = r66 * r69; }
        r69 = r67 != 0.0 ? r73 : r69; r69 = r69 > r15 ? r69 : r15; r73 = r59 != 0.0 ? r69 : r66;
        NARROWED(8, 0) = (float)r73; r73 = (double)NARROWED(9, 0); r71 = r68 > r73 ? 1.0 : 0.0; r72 = r45 * r19 + r6;
        r72 = r6 / r72; r72 = r19 + r72; r72 = r72 < r11 ? r72 : r11; if (r71 != 0.0) { r74 = r73 * r72 + r73;
        r74 = r74 < r70 ? r74 : r70; r75 = r73 * r68; r75 = sqrt(r75); r75 = r75 * r15; r76 = r73 * r1;
        r76 = r75 < r76 ? r75 : r76; r76 = r74 > r76 ? r74 : r76; } if (r71 == 0.0) { r74 = r17 + r72;
        r74 = r72 * r74; r72 = r72 * r18 + r17; r72 = r74 / r72; r72 = r6 - r72 * r20; r72 = r73 * r72; }
        r72 = r71 != 0.0 ? r76 : r72; r76 = r69 * r21; r76 = r72 > r76 ? r72 : r76; r72 = r59 != 0.0 ? r76 : r73;
        NARROWED(9, 0) = (float)r72; r72 = (double)NARROWED(10, 0); r74 = r68 > r72 ? 1.0 : 0.0; r75 = r45 * r20 + r6;
        r75 = r1 / r75; r75 = r22 + r75; r75 = r75 < r11 ? r75 : r11; if (r74 != 0.0) { r77 = r72 * r75 + r72;
        r77 = r77 < r70 ? r77 : r70; r78 = r72 * r68; r78 = sqrt(r78); r78 = r78 * r15; r79 = r72 * r1;
        r79 = r78 < r79 ? r78 : r79; r79 = r77 > r79 ? r77 : r79; } if (r74 == 0.0) { r77 = r17 + r75;
        r77 = r75 * r77; r75 = r75 * r18 + r17; r75 = r77 / r75; r75 = r6 - r75 * r8; r75 = r72 * r75; }
        r75 = r74 != 0.0 ? r79 : r75; r69 = r76 - r69; r69 = r69 * r19 + r76; r69 = r75 > r69 ? r75 : r69;
        r75 = r59 != 0.0 ? r69 : r72; NARROWED(10, 0) = (float)r75; r75 = (double)NARROWED(11, 0); if (r59 != 0.0) {
        r79 = r45 * r8 + r6; r79 = r23 / r79; r79 = r15 + r79; r79 = r79 < r11 ? r79 : r11;
        r77 = r68 > r75 ? 1.0 : 0.0; if (r77 != 0.0) { r78 = r75 * r79 + r75; r70 = r78 < r70 ? r78 : r70;
        r78 = r75 * r68; r78 = sqrt(r78); r78 = r78 * r15; r80 = r75 * r1; r80 = r78 < r80 ? r78 : r80;
        r80 = r70 > r80 ? r70 : r80; } if (r77 == 0.0) { r70 = r17 + r79; r70 = r79 * r70; r79 = r79 * r18 + r17;
        r79 = r70 / r79; r79 = r6 - r79 * r24; r79 = r75 * r79; } r79 = r77 != 0.0 ? r80 : r79; r76 = r69 - r76;
        r69 = r76 * r15 + r69; r69 = r79 > r69 ? r79 : r69; } r69 = r59 != 0.0 ? r69 : r75;
        NARROWED(11, 0) = (float)r69; r69 = WIDE(12, 0); r59 = r69 < r54 ? r69 : r54; r59 = r53 != 0.0 ? r69 : r59;
        r59 = r46 != 0.0 ? r59 : r54; WIDE(12, 0) = r59; r59 = WIDE(13, 0); r53 = r59 > r54 ? r59 : r54;
        r53 = r50 != 0.0 ? r59 : r53; r53 = r46 != 0.0 ? r53 : r54; WIDE(13, 0) = r53; r64 = r64 >= r25 ? 1.0 : 0.0;
        r53 = r54 - r49; r50 = fabs(r53); r79 = r60 * r23; r79 = r61 * r19 + r79; r76 = r50 < r79 ? r50 : r79;
        r76 = r64 != 0.0 ? r76 : r50; r76 = r76 - r60; r63 = r6 / r63; r57 = r57 * r3; r57 = r6 / r57;
        r57 = r63 > r57 ? r63 : r57; r60 = r76 * r57 + r60; r60 = r60 < r2 ? r60 : r2; NARROWED(4, 1) = (float)r60;
        r48 = r54 - r48; if (r64 != 0.0) { r54 = r48 < r79 ? r48 : r79; r79 = r0 - r79; r79 = r54 > r79 ? r54 : r79; }
        r48 = r64 != 0.0 ? r79 : r48; r62 = r48 * r57 + r62; r62 = r62 < r2 ? r62 : r2; r62 = r62 > r26 ? r62 : r26;
        NARROWED(7, 1) = (float)r62; r62 = r61 * r25; r62 = r50 < r62 ? r50 : r62; r62 = r52 != 0.0 ? r50 : r62;
        r62 = r62 - r61; r50 = r56 > r8 ? r56 : r8; r61 = r62 * r50 + r61; r61 = r61 < r2 ? r61 : r2;
        NARROWED(5, 0) = (float)r61; r55 = fabs(r55); r55 = r46 != 0.0 ? r55 : r0; r61 = r51 * r25;
        r61 = r55 < r61 ? r55 : r61; r61 = r52 != 0.0 ? r55 : r61; r61 = r61 - r51; r51 = r61 * r58 + r51;
        r51 = r51 < r2 ? r51 : r2; NARROWED(3, 0) = (float)r51; r51 = WIDE(14, 0); r58 = r53 - r51;
        r61 = r56 > r27 ? r56 : r27; r51 = r58 * r61 + r51; WIDE(14, 0) = r51; r61 = WIDE(15, 0); r58 = r53 - r61;
        r55 = r56 > r28 ? r56 : r28; r58 = r58 * r55 + r61; WIDE(15, 0) = r58; r58 = WIDE(16, 0);
        r53 = r46 != 0.0 ? r61 : r53; r53 = r51 - r53; r51 = r53 * r53; r61 = r58 * r29; r61 = r51 < r61 ? r51 : r61;
        r51 = r45 > r4 ? r61 : r51; r51 = r51 - r58; r51 = r51 * r55 + r58; WIDE(16, 0) = r51;
        r51 = (double)NARROWED(17, 0); r61 = r45 > r3 ? 1.0 : 0.0; r52 = r58 > r0 ? 1.0 : 0.0;
        r52 = ((r61 != 0.0) & (r52 != 0.0)) ? 1.0 : 0.0; r53 = fabs(r53); r58 = sqrt(r58);
        r58 = r58 > r12 ? r58 : r12; r58 = r53 / r58; r58 = r58 < r13 ? r58 : r13; r53 = r52 != 0.0 ? r58 : r0;
        r53 = r51 > r53 ? r51 : r53; NARROWED(17, 0) = (float)r53; r53 = (double)NARROWED(18, 0);
        r51 = series[3][step]; r51 = r51 < r25 ? r51 : r25; r61 = r51 - r53; r50 = r56 > r30 ? r56 : r30;
        r53 = r61 * r50 + r53; NARROWED(18, 0) = (float)r53; r50 = (double)NARROWED(19, 0); r51 = r51 - r50;
        r56 = r56 > r31 ? r56 : r31; r56 = r51 * r56 + r50; NARROWED(19, 0) = (float)r56; r56 = r45 - r32;
        r51 = (double)NARROWED(20, 0); r61 = r53 - r50; r61 = r61 * r11; r50 = r53 + r50; r50 = r50 + r14;
        r50 = r61 / r50; r61 = r56 > r0 ? 1.0 : 0.0; if (r61 != 0.0) { r53 = r50 * r50; r62 = r51 * r29;
        r62 = r53 < r62 ? r53 : r62; r53 = r45 > r33 ? r62 : r53; r53 = r53 - r51; r56 = r56 > r6 ? r56 : r6;
        r56 = r6 / r56; r56 = r56 > r31 ? r56 : r31; r56 = r53 * r56 + r51; } r56 = r61 != 0.0 ? r56 : r0;
        NARROWED(20, 0) = (float)r56; r56 = (double)NARROWED(21, 0); r61 = r45 > r34 ? 1.0 : 0.0;
        r53 = r51 > r0 ? 1.0 : 0.0; r53 = ((r61 != 0.0) & (r53 != 0.0)) ? 1.0 : 0.0; r50 = fabs(r50); r51 = sqrt(r51);
        r51 = r51 > r12 ? r51 : r12; r51 = r50 / r51; r51 = r51 < r13 ? r51 : r13; r50 = r53 != 0.0 ? r51 : r0;
        r50 = r56 > r50 ? r56 : r50; NARROWED(21, 0) = (float)r50; if (r46 != 0.0) { r50 = WIDE(22, 0);
        r56 = r47 < r50 ? r6 : r0; r56 = r47 > r50 ? r6 : r56; } r56 = r46 != 0.0 ? r56 : r6; WIDE(22, 0) = r47;
        r50 = r56 > r0 ? 1.0 : 0.0; r61 = (double)NARROWED(23, 0); r62 = r61 + r6; r62 = r50 != 0.0 ? r0 : r62;
        NARROWED(23, 0) = (float)r62; r57 = (double)NARROWED(24, 0); r50 = r50 != 0.0 ? r61 : r0;
        r50 = r57 > r50 ? r57 : r50; NARROWED(24, 0) = (float)r50; r50 = (double)NARROWED(25, 0); r56 = r56 - r50;
        r55 = r56 * r55 + r50; r55 = r61 >= r35 ? r50 : r55; NARROWED(25, 0) = (float)r55; r57 = r57 * r11;
        r57 = r57 > r35 ? r57 : r35; r55 = r57 * r25; r55 = r62 > r55 ? 1.0 : 0.0; if (r55 == 0.0) { r61 = r57 * r18;
        r61 = r62 > r61 ? 1.0 : 0.0; if (r61 == 0.0) { r56 = r57 * r11; r48 = r62 > r57 ? r6 : r0;
        r48 = r62 > r56 ? r11 : r48; } r48 = r61 != 0.0 ? r18 : r48; } r48 = r55 != 0.0 ? r25 : r48; r57 = r48 * r57;
        r48 = r17 - r50; r48 = r50 * r48; r50 = r17 - r50 * r18; r50 = r48 / r50; r50 = r50 / r36; r50 = r57 * r50;
        r50 = r50 < r25 ? r50 : r25; r57 = r45 > r0 ? r45 : r0; r57 = sqrt(r57); r57 = r57 / r17; r57 = r57 + r37;
        r57 = r57 < r38 ? r57 : r38; r50 = r50 < r57 ? r50 : r57; r50 = r50 + r39; if (r53 != 0.0) {
        r48 = (double)NARROWED(26, 0); r55 = r51 > r48 ? 1.0 : 0.0; if (r55 != 0.0) { r61 = (double)NARROWED(27, 0);
        r56 = r51 > r61 ? 1.0 : 0.0; if (r56 != 0.0) { r62 = r51 - r61; r79 = (double)NARROWED(28, 0);
        r79 = r79 - r61; r79 = r62 / r79; r79 = r1 + r79; } if (r56 == 0.0) { r62 = (double)NARROWED(29, 0);
        r64 = r51 > r62 ? 1.0 : 0.0; if (r64 != 0.0) { r54 = r51 - r62; r61 = r61 - r62; r61 = r54 / r61;
        r61 = r11 + r61; } if (r64 == 0.0) { if (r55 != 0.0) { r54 = r51 - r48; r62 = r62 - r48; r62 = r54 / r62;
        r62 = r6 + r62; } r48 = r51 / r48; r48 = r55 != 0.0 ? r62 : r48; } r48 = r64 != 0.0 ? r61 : r48; }
        r48 = r56 != 0.0 ? r79 : r48; r48 = r48 < r38 ? r48 : r38; r79 = r45 / r32; r79 = r79 > r0 ? r79 : r0;
        r79 = sqrt(r79); r79 = r79 / r17; r79 = r79 + r37; r79 = r79 < r38 ? r79 : r38; r79 = r48 < r79 ? r48 : r79;
        r79 = r79 + r40; } r79 = r55 != 0.0 ? r79 : r0; } r79 = r53 != 0.0 ? r79 : r0; r79 = r79 + r41;
        if (r52 != 0.0) { r53 = (double)NARROWED(30, 0); r55 = r58 > r53 ? 1.0 : 0.0; if (r55 != 0.0) {
        r48 = (double)NARROWED(31, 0); r56 = r58 > r48 ? 1.0 : 0.0; if (r56 != 0.0) { r61 = r58 - r48;
        r64 = (double)NARROWED(32, 0); r64 = r64 - r48; r64 = r61 / r64; r64 = r1 + r64; } if (r56 == 0.0) {
        r61 = (double)NARROWED(33, 0); r62 = r58 > r61 ? 1.0 : 0.0; if (r62 != 0.0) { r51 = r58 - r61;
        r48 = r48 - r61; r48 = r51 / r48; r48 = r11 + r48; } if (r62 == 0.0) { if (r55 != 0.0) { r51 = r58 - r53;
        r61 = r61 - r53; r61 = r51 / r61; r61 = r6 + r61; } r53 = r58 / r53; r53 = r55 != 0.0 ? r61 : r53; }
        r53 = r62 != 0.0 ? r48 : r53; } r53 = r56 != 0.0 ? r64 : r53; r53 = r53 < r38 ? r53 : r38; r64 = r45 / r35;
        r64 = r64 > r0 ? r64 : r0; r64 = sqrt(r64); r64 = r64 / r17; r64 = r64 + r37; r64 = r64 < r38 ? r64 : r38;
        r64 = r53 < r64 ? r53 : r64; r64 = r64 + r6; } r64 = r55 != 0.0 ? r64 : r0; } r64 = r52 != 0.0 ? r64 : r0;
        r64 = r64 + r42; r52 = series[2][step]; r52 = r52 + r43; if (r74 != 0.0) { r55 = r68 - r72; r75 = r75 - r72;
        r75 = r55 / r75; r75 = r1 + r75; } if (r74 == 0.0) { if (r71 != 0.0) { r55 = r68 - r73; r72 = r72 - r73;
        r72 = r55 / r72; r72 = r11 + r72; } if (r71 == 0.0) { if (r67 != 0.0) { r55 = r68 - r66; r73 = r73 - r66;
        r73 = r55 / r73; r73 = r6 + r73; } r66 = r68 / r66; r66 = r67 != 0.0 ? r73 : r66; }
        r66 = r71 != 0.0 ? r72 : r66; } r66 = r74 != 0.0 ? r75 : r66; r66 = r66 < r38 ? r66 : r38;
        r57 = r66 < r57 ? r66 : r57; if (r46 != 0.0) { r66 = r59 > r69 ? 1.0 : 0.0; if (r66 != 0.0) { r75 = r47 - r59;
        r47 = r69 - r47; r47 = r75 > r47 ? r75 : r47; r69 = r59 - r69; r69 = r69 > r12 ? r69 : r12; r69 = r47 / r69;
        r69 = r69 < r13 ? r69 : r13; r69 = r69 > r0 ? r69 : r0; r69 = r69 < r15 ? r69 : r15; }
        r69 = r66 != 0.0 ? r69 : r0; } r69 = r46 != 0.0 ? r69 : r0; r57 = r69 * r18 + r57; r57 = r57 + r44;
        r69 = r57 > r0 ? r57 : r0; r46 = r52 > r69 ? 1.0 : 0.0; r69 = r46 != 0.0 ? r52 : r69;
        r52 = r64 > r69 ? 1.0 : 0.0; r69 = r52 != 0.0 ? r64 : r69; r64 = r79 > r69 ? 1.0 : 0.0;
        r69 = r64 != 0.0 ? r79 : r69; r79 = r50 > r69 ? 1.0 : 0.0; r69 = r79 != 0.0 ? r50 : r69;
        NARROWED(34, 0) = (float)r69; r50 = (double)NARROWED(35, 0); r66 = r50 > r0 ? 1.0 : 0.0;
        r47 = (double)NARROWED(36, 0); r59 = r47 + r19; r59 = r66 != 0.0 ? r59 : r15; r59 = r69 > r59 ? 1.0 : 0.0;
        r47 = r66 != 0.0 ? r47 : r0; r47 = r59 != 0.0 ? r69 : r47; NARROWED(36, 0) = (float)r47; r50 = r50 - r6;
        r50 = r50 > r0 ? r50 : r0; r50 = r59 != 0.0 ? r33 : r50; NARROWED(35, 0) = (float)r50;
        r50 = r59 != 0.0 ? r69 : r0; WIDE(37, 0) = r50; r47 = (double)NARROWED(38, 0); r50 = r47 > r50 ? r47 : r50;
        NARROWED(38, 0) = (float)r50; r45 = r45 >= r1 ? 1.0 : 0.0; r45 = ((r59 != 0.0) & (r45 != 0.0)) ? 1.0 : 0.0;
        if (r45 != 0.0) { if (r79 == 0.0) { if (r64 == 0.0) { r57 = r57 > r0 ? r0 : r0; r57 = r46 != 0.0 ? r6 : r57;
        r57 = r52 != 0.0 ? r11 : r57; } r57 = r64 != 0.0 ? r1 : r57; } r57 = r79 != 0.0 ? r18 : r57; }
        r79 = (double)NARROWED(39, 0); r79 = r45 != 0.0 ? r57 : r79; NARROWED(39, 0) = (float)r79;
        r49 = r49 < r2 ? r49 : r2; r49 = r49 > r26 ? r49 : r26; r79 = (double)NARROWED(40, 0);
        r79 = r59 != 0.0 ? r49 : r79; NARROWED(40, 0) = (float)r79; r65 = r65 < r2 ? r65 : r2;
        r79 = (double)NARROWED(41, 0); r79 = r59 != 0.0 ? r65 : r79; NARROWED(41, 0) = (float)r79;
        results[0][step] = r69;
    }
}

/* score without a week, a run: 693 instructions */
static void program_11(const double *k, const Column *columns, const Slot *slots, const double *const *series,
    double *const *results, Py_ssize_t step, Py_ssize_t end)
{
    const double r0 = k[0]; const double r1 = k[1]; const double r2 = k[2]; const double r3 = k[3];
    const double r4 = k[4]; const double r5 = k[5]; const double r6 = k[6]; const double r7 = k[7];
    const double r8 = k[8]; const double r9 = k[9]; const double r10 = k[10]; const double r11 = k[11];
    const double r12 = k[12]; const double r13 = k[13]; const double r14 = k[14]; const double r15 = k[15];
    const double r16 = k[16]; const double r17 = k[17]; const double r18 = k[18]; const double r19 = k[19];
    const double r20 = k[20]; const double r21 = k[21]; const double r22 = k[22]; const double r23 = k[23];
    const double r24 = k[24]; const double r25 = k[25]; const double r26 = k[26]; const double r27 = k[27];
    const double r28 = k[28]; const double r29 = k[29]; const double r30 = k[30]; const double r31 = k[31];
    const double r32 = k[32]; const double r33 = k[33]; const double r34 = k[34]; const double r35 = k[35];
    const double r36 = k[36]; const double r37 = k[37]; const double r38 = k[38]; const double r39 = k[39];
    const double r40 = k[40]; const double r41 = k[41]; const double r42 = k[42];
    (void)k, (void)columns, (void)slots, (void)series, (void)results;
    for (; step < end; step++) {
        const Py_ssize_t at0 = place(&slots[0], step); const Py_ssize_t at1 = place(&slots[1], step);
        const Py_ssize_t at2 = place(&slots[2], step); const Py_ssize_t at3 = place(&slots[3], step);
        const Py_ssize_t at4 = place(&slots[4], step);
        double r43 = 0.0; double r44 = 0.0; double r45 = 0.0; double r46 = 0.0; double r47 = 0.0; double r48 = 0.0;
        double r49 = 0.0; double r50 = 0.0; double r51 = 0.0; double r52 = 0.0; double r53 = 0.0; double r54 = 0.0;
        double r55 = 0.0; double r56 = 0.0; double r57 = 0.0; double r58 = 0.0; double r59 = 0.0; double r60 = 0.0;
        double r61 = 0.0; double r62 = 0.0; double r63 = 0.0; double r64 = 0.0; double r65 = 0.0; double r66 = 0.0;
        double r67 = 0.0; double r68 = 0.0; double r69 = 0.0; double r70 = 0.0; double r71 = 0.0; double r72 = 0.0;
        double r73 = 0.0; double r74 = 0.0; double r75 = 0.0; double r76 = 0.0; double r77 = 0.0; double r78 = 0.0;
        double r79 = 0.0; double r80 = 0.0; double r81 = 0.0;
        r43 = WIDE(0, 0); r44 = series[0][step]; r45 = r44 - r43; r46 = (double)NARROWED(1, 0); r47 = r46 * r0;
        r47 = r47 > r1 ? r47 : r2; r45 = r45 > r47 ? 1.0 : 0.0; r48 = r43 - r44; r48 = r48 > r47 ? 1.0 : 0.0;
        r49 = r43 + r47; r47 = r43 - r47; r47 = r48 != 0.0 ? r47 : r44; r47 = r45 != 0.0 ? r49 : r47; r49 = r47 - r43;
        r50 = WIDE(2, 0); r51 = r50 + r3; WIDE(3, 1) = r51; r52 = r3 / r51; r53 = series[3][step];
        r53 = r53 > r5 ? r53 : r5; r53 = r4 / r53; r53 = r53 > r3 ? r53 : r3; r54 = r53 * r6; r54 = r3 / r54;
        r54 = r52 > r54 ? r52 : r54; r52 = r49 * r54 + r43; WIDE(4, 1) = r52; r52 = (double)NARROWED(5, 2);
        r55 = (double)NARROWED(6, 0); r56 = r55 * r7 + r52; r57 = r46 * r8; r58 = (double)NARROWED(7, 2);
        r59 = r58 / r53; r59 = r59 * r59 + r3; r59 = r57 / r59; r59 = r56 + r59; r56 = (double)NARROWED(8, 2);
        r57 = WIDE(9, 4); r57 = r56 + r57; r43 = r58 * r57 + r43; r60 = r58 + r3; NARROWED(10, 3) = (float)r60;
        r43 = r43 / r60; r61 = r59 > r1 ? 1.0 : 0.0; if (r61 != 0.0) { r62 = r44 - r43; r62 = fabs(r62);
        r63 = r59 > r9 ? r59 : r9; r63 = r62 / r63; r63 = r63 < r10 ? r63 : r10; } r63 = r61 != 0.0 ? r63 : r1;
        r61 = (double)NARROWED(11, 0); r62 = r63 > r61 ? 1.0 : 0.0; r64 = r3 + r50; r64 = r12 / r64; r64 = r11 + r64;
        r65 = r63 * r13; if (r62 != 0.0) { r66 = r61 * r64 + r61; r66 = r66 < r65 ? r66 : r65; r67 = r61 * r63;
        r67 = sqrt(r67); r67 = r67 * r12; r68 = r61 * r14; r68 = r67 < r68 ? r67 : r68; r68 = r66 > r68 ? r66 : r68; }
        if (r62 == 0.0) { r66 = r15 + r64; r66 = r64 * r66; r64 = r64 * r16 + r15; r64 = r66 / r64;
        r64 = r3 - r64 * r17; r64 = r61 * r64; } r64 = r62 != 0.0 ? r68 : r64; r64 = r64 > r12 ? r64 : r12;
        NARROWED(12, 1) = (float)r64; r68 = (double)NARROWED(13, 0); r66 = r63 > r68 ? 1.0 : 0.0;
        r67 = r50 * r17 + r3; r67 = r3 / r67; r67 = r17 + r67; if (r66 != 0.0) { r69 = r68 * r67 + r68;
        r69 = r69 < r65 ? r69 : r65; r70 = r68 * r63; r70 = sqrt(r70); r70 = r70 * r12; r71 = r68 * r14;
        r71 = r70 < r71 ? r70 : r71; r71 = r69 > r71 ? r69 : r71; } if (r66 == 0.0) { r69 = r15 + r67;
        r69 = r67 * r69; r67 = r67 * r16 + r15; r67 = r69 / r67; r67 = r3 - r67 * r18; r67 = r68 * r67; }
        r67 = r66 != 0.0 ? r71 : r67; r71 = r64 * r19; r71 = r67 > r71 ? r67 : r71; NARROWED(14, 1) = (float)r71;
        r67 = (double)NARROWED(15, 0); r69 = r63 > r67 ? 1.0 : 0.0; r70 = r50 * r18 + r3; r70 = r14 / r70;
        r70 = r20 + r70; if (r69 != 0.0) { r72 = r67 * r70 + r67; r72 = r72 < r65 ? r72 : r65; r73 = r67 * r63;
        r73 = sqrt(r73); r73 = r73 * r12; r74 = r67 * r14; r74 = r73 < r74 ? r73 : r74; r74 = r72 > r74 ? r72 : r74; }
        if (r69 == 0.0) { r72 = r15 + r70; r72 = r70 * r72; r70 = r70 * r16 + r15; r70 = r72 / r70;
        r70 = r3 - r70 * r5; r70 = r67 * r70; } r70 = r69 != 0.0 ? r74 : r70; r64 = r71 - r64; r64 = r64 * r17 + r71;
        r64 = r70 > r64 ? r70 : r64; NARROWED(16, 1) = (float)r64; r70 = (double)NARROWED(17, 0); r74 = r50 * r5 + r3;
        r74 = r21 / r74; r74 = r12 + r74; r74 = r74 < r8 ? r74 : r8; r72 = r63 > r70 ? 1.0 : 0.0; if (r72 != 0.0) {
        r73 = r70 * r74 + r70; r65 = r73 < r65 ? r73 : r65; r73 = r70 * r63; r73 = sqrt(r73); r73 = r73 * r12;
        r75 = r70 * r14; r75 = r73 < r75 ? r73 : r75; r75 = r65 > r75 ? r65 : r75; } if (r72 == 0.0) {
        r65 = r15 + r74; r65 = r74 * r65; r74 = r74 * r16 + r15; r74 = r65 / r74; r74 = r3 - r74 * r22;
        r74 = r70 * r74; } r74 = r72 != 0.0 ? r75 : r74; r71 = r64 - r71; r64 = r71 * r12 + r64;
        r64 = r74 > r64 ? r74 : r64; NARROWED(18, 1) = (float)r64; r64 = WIDE(19, 0); r74 = r64 < r47 ? r64 : r47;
        r74 = r48 != 0.0 ? r64 : r74; WIDE(20, 1) = r74; r74 = WIDE(21, 0); r48 = r74 > r47 ? r74 : r47;
        r48 = r45 != 0.0 ? r74 : r48; WIDE(22, 1) = r48; r58 = r58 >= r23 ? 1.0 : 0.0; r48 = r47 - r43;
        r45 = fabs(r48); r71 = r52 * r21; r71 = r55 * r17 + r71; r75 = r45 < r71 ? r45 : r71;
        r75 = r58 != 0.0 ? r75 : r45; r75 = r75 - r52; r60 = r3 / r60; r53 = r53 * r24; r53 = r3 / r53;
        r53 = r60 > r53 ? r60 : r53; r52 = r75 * r53 + r52; r52 = r52 < r2 ? r52 : r2; NARROWED(23, 3) = (float)r52;
        r57 = r47 - r57; if (r58 != 0.0) { r47 = r57 < r71 ? r57 : r71; r71 = r1 - r71; r71 = r47 > r71 ? r47 : r71; }
        r57 = r58 != 0.0 ? r71 : r57; r56 = r57 * r53 + r56; r56 = r56 < r2 ? r56 : r2; r56 = r56 > r25 ? r56 : r25;
        NARROWED(24, 3) = (float)r56; r56 = r55 * r23; r56 = r45 < r56 ? r45 : r56; r56 = r56 - r55;
        r55 = r56 * r5 + r55; r55 = r55 < r2 ? r55 : r2; NARROWED(25, 1) = (float)r55; r49 = fabs(r49);
        r55 = r46 * r23; r55 = r49 < r55 ? r49 : r55; r55 = r55 - r46; r46 = r55 * r54 + r46;
        r46 = r46 < r2 ? r46 : r2; NARROWED(26, 1) = (float)r46; r46 = WIDE(27, 0); r54 = r48 - r46;
        r46 = r54 * r26 + r46; WIDE(28, 1) = r46; r54 = WIDE(29, 0); r48 = r48 - r54; r48 = r48 * r27 + r54;
        WIDE(30, 1) = r48; r48 = WIDE(31, 0); r54 = r46 - r54; r46 = r54 * r54; r55 = r48 * r28;
        r55 = r46 < r55 ? r46 : r55; r55 = r55 - r48; r55 = r55 * r27 + r48; WIDE(32, 1) = r55; r55 = series[4][step];
        r46 = (double)NARROWED(33, 0); r49 = r48 > r1 ? 1.0 : 0.0; r54 = fabs(r54); r48 = sqrt(r48);
        r48 = r48 > r9 ? r48 : r9; r48 = r54 / r48; r48 = r48 < r10 ? r48 : r10; r54 = r49 != 0.0 ? r48 : r1;
        r54 = r46 > r54 ? r46 : r54; r46 = r55 != 0.0 ? r1 : r54; NARROWED(34, 1) = (float)r46;
        r46 = (double)NARROWED(35, 0); r56 = series[2][step]; r56 = r56 < r23 ? r56 : r23; r45 = r56 - r46;
        r46 = r45 * r29 + r46; NARROWED(36, 1) = (float)r46; r45 = (double)NARROWED(37, 0); r56 = r56 - r45;
        r56 = r56 * r30 + r45; NARROWED(38, 1) = (float)r56; r56 = (double)NARROWED(39, 0); r53 = r46 - r45;
        r53 = r53 * r8; r45 = r46 + r45; r45 = r45 + r11; r45 = r53 / r45; r53 = r45 * r45; r46 = r56 * r28;
        r46 = r53 < r46 ? r53 : r46; r46 = r46 - r56; r46 = r46 * r30 + r56; NARROWED(40, 1) = (float)r46;
        r46 = series[5][step]; r53 = (double)NARROWED(41, 0); r57 = r56 > r1 ? 1.0 : 0.0; r45 = fabs(r45);
        r56 = sqrt(r56); r56 = r56 > r9 ? r56 : r9; r56 = r45 / r56; r56 = r56 < r10 ? r56 : r10;
        r45 = r57 != 0.0 ? r56 : r1; r45 = r53 > r45 ? r53 : r45; r53 = r46 != 0.0 ? r1 : r45;
        NARROWED(42, 1) = (float)r53; r53 = WIDE(43, 0); WIDE(44, 1) = r44; r71 = r44 < r53 ? r3 : r1;
        r71 = r44 > r53 ? r3 : r71; r53 = r71 > r1 ? 1.0 : 0.0; r58 = (double)NARROWED(45, 0); r47 = r58 + r3;
        r47 = r53 != 0.0 ? r1 : r47; NARROWED(46, 1) = (float)r47; r52 = (double)NARROWED(47, 0);
        r53 = r53 != 0.0 ? r58 : r1; r53 = r52 > r53 ? r52 : r53; NARROWED(48, 1) = (float)r53;
        r53 = (double)NARROWED(49, 0); r71 = r71 - r53; r71 = r71 * r27 + r53; r71 = r58 >= r31 ? r53 : r71;
        NARROWED(50, 1) = (float)r71; r52 = r52 * r8; r52 = r52 > r31 ? r52 : r31; r71 = r52 * r23;
        r71 = r47 > r71 ? 1.0 : 0.0; if (r71 == 0.0) { r58 = r52 * r16; r58 = r47 > r58 ? 1.0 : 0.0; if (r58 == 0.0) {
        r75 = r52 * r8; r60 = r47 > r52 ? r3 : r1; r60 = r47 > r75 ? r8 : r60; } r60 = r58 != 0.0 ? r16 : r60; }
        r60 = r71 != 0.0 ? r23 : r60; r52 = r60 * r52; r60 = r15 - r53; r60 = r53 * r60; r53 = r15 - r53 * r16;
        r53 = r60 / r53; r53 = r53 / r32; r53 = r52 * r53; r53 = r53 < r23 ? r53 : r23; r52 = r50 > r1 ? r50 : r1;
        r52 = sqrt(r52); r52 = r52 / r15; r52 = r52 + r33; r52 = r52 < r34 ? r52 : r34; r53 = r53 < r52 ? r53 : r52;
        r53 = r53 + r35; r60 = (double)NARROWED(51, 0); r71 = (double)NARROWED(52, 0); r58 = (double)NARROWED(53, 0);
        r75 = (double)NARROWED(54, 0); if (r57 != 0.0) { r47 = r56 > r60 ? 1.0 : 0.0; if (r47 != 0.0) {
        r72 = r56 > r71 ? 1.0 : 0.0; if (r72 != 0.0) { r65 = r56 - r71; r73 = r58 - r71; r73 = r65 / r73;
        r73 = r14 + r73; } if (r72 == 0.0) { r65 = r56 > r75 ? 1.0 : 0.0; if (r65 != 0.0) { r76 = r56 - r75;
        r77 = r71 - r75; r77 = r76 / r77; r77 = r8 + r77; } if (r65 == 0.0) { if (r47 != 0.0) { r76 = r56 - r60;
        r78 = r75 - r60; r78 = r76 / r78; r78 = r3 + r78; } r56 = r56 / r60; r56 = r47 != 0.0 ? r78 : r56; }
        r56 = r65 != 0.0 ? r77 : r56; } r56 = r72 != 0.0 ? r73 : r56; r56 = r56 < r34 ? r56 : r34; r73 = r50 / r36;
        r73 = r73 > r1 ? r73 : r1; r73 = sqrt(r73); r73 = r73 / r15; r73 = r73 + r33; r73 = r73 < r34 ? r73 : r34;
        r73 = r56 < r73 ? r56 : r73; r73 = r73 + r37; } r73 = r47 != 0.0 ? r73 : r1; } r73 = r57 != 0.0 ? r73 : r1;
        r73 = r73 + r38; r57 = (double)NARROWED(55, 0); r47 = (double)NARROWED(56, 0); r56 = (double)NARROWED(57, 0);
        r72 = (double)NARROWED(58, 0); if (r49 != 0.0) { r77 = r48 > r57 ? 1.0 : 0.0; if (r77 != 0.0) {
        r65 = r48 > r47 ? 1.0 : 0.0; if (r65 != 0.0) { r78 = r48 - r47; r76 = r56 - r47; r76 = r78 / r76;
        r76 = r14 + r76; } if (r65 == 0.0) { r78 = r48 > r72 ? 1.0 : 0.0; if (r78 != 0.0) { r79 = r48 - r72;
        r80 = r47 - r72; r80 = r79 / r80; r80 = r8 + r80; } if (r78 == 0.0) { if (r77 != 0.0) { r79 = r48 - r57;
        r81 = r72 - r57; r81 = r79 / r81; r81 = r3 + r81; } r48 = r48 / r57; r48 = r77 != 0.0 ? r81 : r48; }
        r48 = r78 != 0.0 ? r80 : r48; } r48 = r65 != 0.0 ? r76 : r48; r48 = r48 < r34 ? r48 : r34; r50 = r50 / r31;
        r50 = r50 > r1 ? r50 : r1; r50 = sqrt(r50); r50 = r50 / r15; r50 = r50 + r33; r50 = r50 < r34 ? r50 : r34;
        r50 = r48 < r50 ? r48 : r50; r50 = r50 + r3; } r50 = r77 != 0.0 ? r50 : r1; } r50 = r49 != 0.0 ? r50 : r1;
        r50 = r50 + r39; r49 = series[1][step]; r49 = r49 + r40; if (r69 != 0.0) { r77 = r63 - r67; r70 = r70 - r67;
        r70 = r77 / r70; r70 = r14 + r70; } if (r69 == 0.0) { if (r66 != 0.0) { r77 = r63 - r68; r67 = r67 - r68;
        r67 = r77 / r67; r67 = r8 + r67; } if (r66 == 0.0) { if (r62 != 0.0) { r77 = r63 - r61; r68 = r68 - r61;
        r68 = r77 / r68; r68 = r3 + r68; } r61 = r63 / r61; r61 = r62 != 0.0 ? r68 : r61; }
        r61 = r66 != 0.0 ? r67 : r61; } r61 = r69 != 0.0 ? r70 : r61; r61 = r61 < r34 ? r61 : r34;
        r52 = r61 < r52 ? r61 : r52; r61 = r74 > r64 ? 1.0 : 0.0; if (r61 != 0.0) { r70 = r44 - r74; r44 = r64 - r44;
        r44 = r70 > r44 ? r70 : r44; r64 = r74 - r64; r64 = r64 > r9 ? r64 : r9; r64 = r44 / r64;
        r64 = r64 < r10 ? r64 : r10; r64 = r64 > r1 ? r64 : r1; r64 = r64 < r12 ? r64 : r12; }
        r64 = r61 != 0.0 ? r64 : r1; r52 = r64 * r16 + r52; r52 = r52 + r41; r64 = r52 > r1 ? r52 : r1;
        r61 = r49 > r64 ? 1.0 : 0.0; r64 = r61 != 0.0 ? r49 : r64; r49 = r50 > r64 ? 1.0 : 0.0;
        r64 = r49 != 0.0 ? r50 : r64; r50 = r73 > r64 ? 1.0 : 0.0; r64 = r50 != 0.0 ? r73 : r64;
        r73 = r53 > r64 ? 1.0 : 0.0; r64 = r73 != 0.0 ? r53 : r64; NARROWED(59, 1) = (float)r64;
        r53 = (double)NARROWED(60, 0); r44 = r53 > r1 ? 1.0 : 0.0; r74 = (double)NARROWED(61, 0); r70 = r74 + r17;
        r70 = r44 != 0.0 ? r70 : r12; r70 = r64 > r70 ? 1.0 : 0.0; r74 = r44 != 0.0 ? r74 : r1;
        r74 = r70 != 0.0 ? r64 : r74; NARROWED(62, 1) = (float)r74; r53 = r53 - r3; r53 = r53 > r1 ? r53 : r1;
        r53 = r70 != 0.0 ? r42 : r53; NARROWED(63, 1) = (float)r53; r53 = r70 != 0.0 ? r64 : r1; WIDE(64, 1) = r53;
        r74 = (double)NARROWED(65, 0); r53 = r74 > r53 ? r74 : r53; NARROWED(66, 1) = (float)r53; if (r70 != 0.0) {
        if (r73 == 0.0) { if (r50 == 0.0) { r52 = r52 > r1 ? r1 : r1; r52 = r61 != 0.0 ? r3 : r52;
        r52 = r49 != 0.0 ? r8 : r52; } r52 = r50 != 0.0 ? r14 : r52; } r52 = r73 != 0.0 ? r16 : r52; }
        r73 = (double)NARROWED(67, 0); r73 = r70 != 0.0 ? r52 : r73; NARROWED(68, 1) = (float)r73;
        r43 = r43 < r2 ? r43 : r2; r43 = r43 > r25 ? r43 : r25; r73 = (double)NARROWED(69, 0);
        r73 = r70 != 0.0 ? r43 : r73; NARROWED(70, 1) = (float)r73; r59 = r59 < r2 ? r59 : r2;
        r73 = (double)NARROWED(71, 0); r73 = r70 != 0.0 ? r59 : r73; NARROWED(72, 1) = (float)r73;
        r54 = (double)(float)r54; r73 = r51 / r31; r59 = r3 + r73; r59 = r12 / r59; r59 = r11 + r59; r70 = r54 * r13;
        r43 = r54 > r57 ? 1.0 : 0.0; if (r43 != 0.0) { r52 = r57 * r59 + r57; r52 = r52 < r70 ? r52 : r70;
        r50 = r57 * r54; r50 = sqrt(r50); r50 = r50 * r12; r49 = r57 * r14; r49 = r50 < r49 ? r50 : r49;
        r49 = r52 > r49 ? r52 : r49; } if (r43 == 0.0) { r52 = r15 + r59; r52 = r59 * r52; r59 = r59 * r16 + r15;
        r59 = r52 / r59; r59 = r3 - r59 * r17; r59 = r57 * r59; } r59 = r43 != 0.0 ? r49 : r59;
        r59 = r59 > r12 ? r59 : r12; r57 = r55 != 0.0 ? r59 : r57; NARROWED(73, 1) = (float)r57; r57 = r73 * r17 + r3;
        r57 = r3 / r57; r57 = r17 + r57; r49 = r54 > r72 ? 1.0 : 0.0; if (r49 != 0.0) { r43 = r72 * r57 + r72;
        r43 = r43 < r70 ? r43 : r70; r52 = r72 * r54; r52 = sqrt(r52); r52 = r52 * r12; r50 = r72 * r14;
        r50 = r52 < r50 ? r52 : r50; r50 = r43 > r50 ? r43 : r50; } if (r49 == 0.0) { r43 = r15 + r57;
        r43 = r57 * r43; r57 = r57 * r16 + r15; r57 = r43 / r57; r57 = r3 - r57 * r18; r57 = r72 * r57; }
        r57 = r49 != 0.0 ? r50 : r57; r50 = r59 * r19; r50 = r57 > r50 ? r57 : r50; r72 = r55 != 0.0 ? r50 : r72;
        NARROWED(74, 1) = (float)r72; r72 = r73 * r18 + r3; r72 = r14 / r72; r72 = r20 + r72;
        r57 = r54 > r47 ? 1.0 : 0.0; if (r57 != 0.0) { r49 = r47 * r72 + r47; r49 = r49 < r70 ? r49 : r70;
        r43 = r47 * r54; r43 = sqrt(r43); r43 = r43 * r12; r52 = r47 * r14; r52 = r43 < r52 ? r43 : r52;
        r52 = r49 > r52 ? r49 : r52; } if (r57 == 0.0) { r49 = r15 + r72; r49 = r72 * r49; r72 = r72 * r16 + r15;
        r72 = r49 / r72; r72 = r3 - r72 * r5; r72 = r47 * r72; } r72 = r57 != 0.0 ? r52 : r72; r59 = r50 - r59;
        r59 = r59 * r17 + r50; r59 = r72 > r59 ? r72 : r59; r47 = r55 != 0.0 ? r59 : r47;
        NARROWED(75, 1) = (float)r47; if (r55 != 0.0) { r73 = r73 * r5 + r3; r73 = r21 / r73; r73 = r12 + r73;
        r73 = r73 < r8 ? r73 : r8; r47 = r54 > r56 ? 1.0 : 0.0; if (r47 != 0.0) { r72 = r56 * r73 + r56;
        r70 = r72 < r70 ? r72 : r70; r54 = r56 * r54; r54 = sqrt(r54); r54 = r54 * r12; r72 = r56 * r14;
        r72 = r54 < r72 ? r54 : r72; r72 = r70 > r72 ? r70 : r72; } if (r47 == 0.0) { r70 = r15 + r73;
        r70 = r73 * r70; r73 = r73 * r16 + r15; r73 = r70 / r73; r73 = r3 - r73 * r22; r73 = r56 * r73; }
        r73 = r47 != 0.0 ? r72 : r73; r50 = r59 - r50; r59 = r50 * r12 + r59; r59 = r73 > r59 ? r73 : r59; }
        r56 = r55 != 0.0 ? r59 : r56; NARROWED(76, 1) = (float)r56; r45 = (double)(float)r45; r51 = r51 / r36;
        r56 = r3 + r51; r56 = r12 / r56; r56 = r11 + r56; r59 = r45 * r13; r55 = r45 > r60 ? 1.0 : 0.0;
        if (r55 != 0.0) { r73 = r60 * r56 + r60; r73 = r73 < r59 ? r73 : r59; r50 = r60 * r45; r50 = sqrt(r50);
        r50 = r50 * r12; r72 = r60 * r14; r72 = r50 < r72 ? r50 : r72; r72 = r73 > r72 ? r73 : r72; }
        if (r55 == 0.0) { r73 = r15 + r56; r73 = r56 * r73; r56 = r56 * r16 + r15; r56 = r73 / r56;
        r56 = r3 - r56 * r17; r56 = r60 * r56; } r56 = r55 != 0.0 ? r72 : r56; r56 = r56 > r12 ? r56 : r12;
        r60 = r46 != 0.0 ? r56 : r60; NARROWED(77, 1) = (float)r60; r60 = r51 * r17 + r3; r60 = r3 / r60;
        r60 = r17 + r60; r72 = r45 > r75 ? 1.0 : 0.0; if (r72 != 0.0) { r55 = r75 * r60 + r75;
        r55 = r55 < r59 ? r55 : r59; r73 = r75 * r45; r73 = sqrt(r73); r73 = r73 * r12; r50 = r75 * r14;
        r50 = r73 < r50 ? r73 : r50; r50 = r55 > r50 ? r55 : r50; } if (r72 == 0.0) { r55 = r15 + r60;
        r55 = r60 * r55; r60 = r60 * r16 + r15; r60 = r55 / r60; r60 = r3 - r60 * r18; r60 = r75 * r60; }
        r60 = r72 != 0.0 ? r50 : r60; r50 = r56 * r19; r50 = r60 > r50 ? r60 : r50; r75 = r46 != 0.0 ? r50 : r75;
        NARROWED(78, 1) = (float)r75; r75 = r51 * r18 + r3; r75 = r14 / r75; r75 = r20 + r75;
        r75 = r75 < r8 ? r75 : r8; r60 = r45 > r71 ? 1.0 : 0.0; if (r60 != 0.0) { r72 = r71 * r75 + r71;
        r72 = r72 < r59 ? r72 : r59; r55 = r71 * r45; r55 = sqrt(r55); r55 = r55 * r12; r73 = r71 * r14;
        r73 = r55 < r73 ? r55 : r73; r73 = r72 > r73 ? r72 : r73; } if (r60 == 0.0) { r72 = r15 + r75;
        r72 = r75 * r72; r75 = r75 * r16 + r15; r75 = r72 / r75; r75 = r3 - r75 * r5; r75 = r71 * r75; }
        r75 = r60 != 0.0 ? r73 : r75; r56 = r50 - r56; r56 = r56 * r17 + r50; r56 = r75 > r56 ? r75 : r56;
        r71 = r46 != 0.0 ? r56 : r71; NARROWED(79, 1) = (float)r71; if (r46 != 0.0) { r51 = r51 * r5 + r3;
        r51 = r21 / r51; r51 = r12 + r51; r51 = r51 < r8 ? r51 : r8; r71 = r45 > r58 ? 1.0 : 0.0; if (r71 != 0.0) {
        r75 = r58 * r51 + r58; r59 = r75 < r59 ? r75 : r59; r45 = r58 * r45; r45 = sqrt(r45); r45 = r45 * r12;
        r75 = r58 * r14; r75 = r45 < r75 ? r45 : r75; r75 = r59 > r75 ? r59 : r75; } if (r71 == 0.0) {
        r59 = r15 + r51; r59 = r51 * r59; r51 = r51 * r16 + r15; r51 = r59 / r51; r51 = r3 - r51 * r22;
        r51 = r58 * r51; } r51 = r71 != 0.0 ? r75 : r51; r50 = r56 - r50; r56 = r50 * r12 + r56;
        r56 = r51 > r56 ? r51 : r56; } r58 = r46 != 0.0 ? r56 : r58; NARROWED(80, 1) = (float)r58;
        results[0][step] = r64;
    }
}

static const Translated translated[] = {
    {UINT64_C(0x45937b0f232c048b), {306, 36, 56, 20, 1, 2, 1}, program_0},
    {UINT64_C(0x966d582fe20c469e), {260, 32, 50, 36, 3, 2, 1}, program_1},
    {UINT64_C(0xa534f11539ea5d17), {224, 29, 45, 18, 1, 2, 1}, program_2},
    {UINT64_C(0xa36b26c42e02a256), {208, 26, 42, 30, 3, 2, 1}, program_3},
    {UINT64_C(0x4baf4656faad6564), {340, 36, 62, 23, 1, 2, 1}, program_4},
    {UINT64_C(0x4f3a8271d5b7b1b9), {294, 32, 56, 42, 3, 2, 1}, program_5},
    {UINT64_C(0x6b0f0af3fcb2867a), {258, 29, 49, 21, 1, 2, 1}, program_6},
    {UINT64_C(0x7a703fe71c32c76a), {242, 26, 46, 36, 3, 2, 1}, program_7},
    {UINT64_C(0x09ce942f56e78352), {530, 45, 83, 42, 2, 5, 1}, program_8},
    {UINT64_C(0xad1603685b1be4e7), {697, 43, 83, 81, 5, 7, 1}, program_9},
    {UINT64_C(0x45c509b96bbef093), {526, 45, 81, 42, 2, 5, 1}, program_10},
    {UINT64_C(0xe5484c9523f39d08), {693, 43, 82, 81, 5, 6, 1}, program_11},
};
