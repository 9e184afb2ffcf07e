/* Runs the steps that agent/expr.py describes: straight-line arithmetic on named columns, row by row.
 *
 * What lives here is a small register machine: a program is a list of instructions, made from the very expressions of
 * which otherwise Python text is written (agent/native.py). It knows columns, indices and arithmetic, and nothing of
 * filters, alarms or twins. One row at a time goes through scalar registers, many rows at once through registers of
 * LANES values. Either way each number is the outcome of the same IEEE 754 operations in the same order as in Python,
 * so the bits are the same: no contraction to fused operations, no reordering, no excess precision.
 *
 * Nothing given from outside can make it read or write beyond a column: programs are checked when they are made,
 * columns when they are bound, indices before they are used. It trusts its caller in two things: not to give indices that
 * share their memory with a column, and not to make up a program that only has the digest of a translated one.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <structmember.h>

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(FLT_EVAL_METHOD) || FLT_EVAL_METHOD != 0 || defined(__FAST_MATH__)
#error "needs arithmetic that rounds each operation to its type; without this module the same steps run in Python"
#endif

#define FORMAT 2    /* of programs: agent/native.py uses no module with another one */
#define LANES 64    /* rows that go through at once: registers of a program then stay in the second cache at most */
#define STRIDE 8    /* lanes are worked on in multiples of this; what is left over repeats the last row */
#define FEW 4       /* rows that depend on nothing of each other, below which one at a time is quicker */
#define SOME 32     /* the same of programs that were translated */
#define MOST UINT16_MAX
#define INDEX ((Py_ssize_t)sizeof(Py_ssize_t))
#define SLOTS 16
#define GIVEN 4096  /* registers, columns, series, and results */

enum op {
    ADD, SUB, MUL, DIV, GT, GE, LT, AND, MIN, MAX, /* of a and b */
    MUL_ADD, MUL_SUB, SUB_MUL, WHERE,              /* of a, b and c; products are rounded before they are added */
    WHERE_GT, WHERE_GE, WHERE_LT,                  /* c or d, by a and b */
    SQRT, ABS, EXP, NARROW,                        /* of a */
    LOAD64, LOAD32, SERIES, STORE64, STORE32, RESULT, SKIP_NONE, SKIP_ALL, OPS
};

typedef struct {
    uint16_t op, to, a, b, c, d;
} Instruction;

typedef struct {
    char *data;
    Py_ssize_t length;
    Py_buffer buffer;
} Column;

typedef struct {
    const Py_ssize_t *at; /* NULL: `offset` and the number of the step */
    Py_ssize_t offset;
} Slot;

static inline Py_ssize_t place(const Slot *s, Py_ssize_t step)
{
    return s->at ? s->at[step] : s->offset + step;
}

/* Steps from one to before another, in turn. First the constants. */
typedef void (*Run)(const double *, const Column *, const Slot *, const double *const *, double *const *, Py_ssize_t,
                    Py_ssize_t);

/* A program that was translated to C when the package was built (agent/translate.py). */
typedef struct {
    uint64_t digest; /* of its instructions, and the widths of its columns */
    Py_ssize_t shape[7]; /* instructions, constants, registers, columns, slots, series, results */
    Run run;
} Translated;

#define WIDE(column, slot) (((double *)columns[column].data)[at##slot])
#define NARROWED(column, slot) (((float *)columns[column].data)[at##slot])
#include "programs.h"

typedef struct {
    PyObject_HEAD
    Instruction *code;
    double *constants; /* in the first registers */
    Py_ssize_t size, known, registers, columns, slots, series, results;
    unsigned char *width;  /* per column: 8 or 4 bytes */
    unsigned char *needed; /* per series: whether it is read */
    Py_ssize_t *limit;     /* per slot: the fewest rows of the columns that are reached through it */
    double *numbers;       /* one row's series, then its results */
    double **places;       /* where each of these is */
    Column *bound;         /* NULL: none */
    Run run;               /* NULL: it was not translated */
    char translated;       /* the same, to be asked from outside */
} Program;

/* Registers of whichever program runs. Programs run under the interpreter's lock and never within each other. */
static double *scratch = NULL;
static Py_ssize_t scratch_size = 0;

static double *registers_for(Py_ssize_t count)
{
    if (count * LANES > scratch_size) {
        double *fresh = NULL;
        if (posix_memalign((void **)&fresh, 64, (size_t)(count * LANES) * sizeof(double))) {
            PyErr_NoMemory();
            return NULL;
        }
        free(scratch);
        scratch = fresh;
        scratch_size = count * LANES;
        memset(scratch, 0, (size_t)scratch_size * sizeof(double));
    }
    return scratch;
}

/* -- one row */

/* Where the compiler offers it each operation jumps to the next by itself, which processors foresee better. */
#if defined(__GNUC__)
#define CASE(op) op_##op
#define NEXT                                                                                                           \
    do {                                                                                                               \
        if (++i == end) return;                                                                                        \
        goto *places[i->op];                                                                                           \
    } while (0)
#define LABEL(op) &&op_##op
#else
#define CASE(op) case op
#define NEXT break
#endif

static void run_one(const Program *p, double *r, const Slot *slots, const double *const *series, double *const *results,
                    Py_ssize_t step)
{
    const Instruction *i = p->code, *const end = p->code + p->size;
    const Column *columns = p->bound;
    if (i == end) return;
#if defined(__GNUC__)
    static const void *const places[OPS] = {
        LABEL(ADD), LABEL(SUB), LABEL(MUL), LABEL(DIV), LABEL(GT), LABEL(GE), LABEL(LT), LABEL(AND), LABEL(MIN), LABEL(MAX),
        LABEL(MUL_ADD), LABEL(MUL_SUB), LABEL(SUB_MUL), LABEL(WHERE), LABEL(WHERE_GT), LABEL(WHERE_GE), LABEL(WHERE_LT),
        LABEL(SQRT), LABEL(ABS), LABEL(EXP), LABEL(NARROW), LABEL(LOAD64), LABEL(LOAD32), LABEL(SERIES),
        LABEL(STORE64), LABEL(STORE32), LABEL(RESULT), LABEL(SKIP_NONE), LABEL(SKIP_ALL)};
    goto *places[i->op];
#else
    for (; i < end; i++)
        switch (i->op) {
#endif
    CASE(ADD): r[i->to] = r[i->a] + r[i->b]; NEXT;
    CASE(SUB): r[i->to] = r[i->a] - r[i->b]; NEXT;
    CASE(MUL): r[i->to] = r[i->a] * r[i->b]; NEXT;
    CASE(DIV): r[i->to] = r[i->a] / r[i->b]; NEXT;
    CASE(GT): r[i->to] = r[i->a] > r[i->b] ? 1.0 : 0.0; NEXT;
    CASE(GE): r[i->to] = r[i->a] >= r[i->b] ? 1.0 : 0.0; NEXT;
    CASE(LT): r[i->to] = r[i->a] < r[i->b] ? 1.0 : 0.0; NEXT;
    CASE(AND): r[i->to] = ((r[i->a] != 0.0) & (r[i->b] != 0.0)) ? 1.0 : 0.0; NEXT;
    CASE(MIN): r[i->to] = r[i->a] < r[i->b] ? r[i->a] : r[i->b]; NEXT;
    CASE(MAX): r[i->to] = r[i->a] > r[i->b] ? r[i->a] : r[i->b]; NEXT;
    CASE(MUL_ADD): r[i->to] = r[i->a] * r[i->b] + r[i->c]; NEXT;
    CASE(MUL_SUB): r[i->to] = r[i->a] * r[i->b] - r[i->c]; NEXT;
    CASE(SUB_MUL): r[i->to] = r[i->c] - r[i->a] * r[i->b]; NEXT;
    CASE(WHERE_GT): r[i->to] = r[r[i->a] > r[i->b] ? i->c : i->d]; NEXT;
    CASE(WHERE_GE): r[i->to] = r[r[i->a] >= r[i->b] ? i->c : i->d]; NEXT;
    CASE(WHERE_LT): r[i->to] = r[r[i->a] < r[i->b] ? i->c : i->d]; NEXT;
    CASE(WHERE): r[i->to] = r[r[i->a] != 0.0 ? i->b : i->c]; NEXT;
    CASE(SQRT): r[i->to] = sqrt(r[i->a]); NEXT;
    CASE(ABS): r[i->to] = fabs(r[i->a]); NEXT;
    CASE(EXP): r[i->to] = exp(r[i->a]); NEXT;
    CASE(NARROW): r[i->to] = (double)(float)r[i->a]; NEXT;
    CASE(LOAD64): r[i->to] = ((const double *)columns[i->a].data)[place(&slots[i->b], step)]; NEXT;
    CASE(LOAD32): r[i->to] = (double)((const float *)columns[i->a].data)[place(&slots[i->b], step)]; NEXT;
    CASE(SERIES): r[i->to] = series[i->a][step]; NEXT;
    CASE(STORE64): ((double *)columns[i->to].data)[place(&slots[i->b], step)] = r[i->a]; NEXT;
    CASE(STORE32): ((float *)columns[i->to].data)[place(&slots[i->b], step)] = (float)r[i->a]; NEXT;
    CASE(RESULT): results[i->to][step] = r[i->a]; NEXT;
    CASE(SKIP_NONE): if (r[i->a] == 0.0) i += i->b; NEXT;
    CASE(SKIP_ALL): if (r[i->a] != 0.0) i += i->b; NEXT;
#if !defined(__GNUC__)
        }
#endif
}

/* -- many rows, none of which comes twice */

/* Rows that follow each other need no index: then loads and stores are copies. */
static Slot compact(const Slot *s, Py_ssize_t first, Py_ssize_t count)
{
    if (!s->at) return *s;
    const Py_ssize_t *at = s->at + first, start = at[0];
    Py_ssize_t apart = 0;
    for (Py_ssize_t k = 0; k < count; k++) apart |= at[k] ^ (start + k);
    return apart ? *s : (Slot){NULL, start - first};
}

#define REGISTER(number) (r + (Py_ssize_t)(number) * LANES)
/* A register may be its own operand, lane by lane, which is no dependence between lanes. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif
#define EACH(expression)                                                                                               \
    do {                                                                                                               \
        const double *a_ = REGISTER(i->a), *b_ = REGISTER(i->b), *c_ = REGISTER(i->c), *d_ = REGISTER(i->d);           \
        double *t_ = REGISTER(i->to);                                                                                  \
        (void)b_, (void)c_, (void)d_;                                                                                  \
        INDEPENDENT for (Py_ssize_t k = 0; k < wide; k++) t_[k] = (expression);                                        \
    } while (0)
#define A (a_[k])
#define B (b_[k])
#define C (c_[k])
#define D (d_[k])
#define PAD(register_)                                                                                                 \
    for (Py_ssize_t k = count; k < wide; k++)                                                                          \
    (register_)[k] = (register_)[count - 1]

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__)
/* The same operations on more lanes at a time where the processor has them; fused ones stay off. */
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static void run_many(const Program *p, double *r, const Slot *given, const double *const *series, double *const *results,
                     Py_ssize_t first, Py_ssize_t count)
{
    const Instruction *i = p->code, *end = p->code + p->size;
    const Column *columns = p->bound;
    const Py_ssize_t wide = (count + STRIDE - 1) & -(Py_ssize_t)STRIDE;
    Slot slots[SLOTS];
    for (Py_ssize_t k = 0; k < p->slots; k++) slots[k] = compact(&given[k], first, count);
    for (; i < end; i++) {
        switch (i->op) {
        case ADD: EACH(A + B); break;
        case SUB: EACH(A - B); break;
        case MUL: EACH(A * B); break;
        case DIV: EACH(A / B); break;
        case GT: EACH(A > B ? 1.0 : 0.0); break;
        case GE: EACH(A >= B ? 1.0 : 0.0); break;
        case LT: EACH(A < B ? 1.0 : 0.0); break;
        case AND: EACH(((A != 0.0) & (B != 0.0)) ? 1.0 : 0.0); break;
        case MIN: EACH(A < B ? A : B); break;
        case MAX: EACH(A > B ? A : B); break;
        case MUL_ADD: EACH(A * B + C); break;
        case MUL_SUB: EACH(A * B - C); break;
        case SUB_MUL: EACH(C - A * B); break;
        case WHERE_GT: EACH(A > B ? C : D); break;
        case WHERE_GE: EACH(A >= B ? C : D); break;
        case WHERE_LT: EACH(A < B ? C : D); break;
        case WHERE: EACH(A != 0.0 ? B : C); break;
        case SQRT: EACH(sqrt(A)); break;
        case ABS: EACH(fabs(A)); break;
        case EXP: EACH(exp(A)); break;
        case NARROW: EACH((double)(float)A); break;
        case LOAD64: {
            double *t = REGISTER(i->to);
            const double *from = (const double *)columns[i->a].data;
            const Slot *s = &slots[i->b];
            if (s->at)
                for (Py_ssize_t k = 0; k < count; k++) t[k] = from[s->at[first + k]];
            else
                memcpy(t, from + (s->offset + first), (size_t)count * sizeof(double));
            PAD(t);
            break;
        }
        case LOAD32: {
            double *t = REGISTER(i->to);
            const float *from = (const float *)columns[i->a].data;
            const Slot *s = &slots[i->b];
            for (Py_ssize_t k = 0; k < count; k++) t[k] = (double)from[place(s, first + k)];
            PAD(t);
            break;
        }
        case SERIES: {
            double *t = REGISTER(i->to);
            memcpy(t, series[i->a] + first, (size_t)count * sizeof(double));
            PAD(t);
            break;
        }
        case STORE64: {
            double *to = (double *)columns[i->to].data;
            const double *from = REGISTER(i->a);
            const Slot *s = &slots[i->b];
            if (s->at)
                for (Py_ssize_t k = 0; k < count; k++) to[s->at[first + k]] = from[k];
            else
                memcpy(to + (s->offset + first), from, (size_t)count * sizeof(double));
            break;
        }
        case STORE32: {
            float *to = (float *)columns[i->to].data;
            const double *from = REGISTER(i->a);
            const Slot *s = &slots[i->b];
            for (Py_ssize_t k = 0; k < count; k++) to[place(s, first + k)] = (float)from[k];
            break;
        }
        case RESULT: memcpy(results[i->to] + first, REGISTER(i->a), (size_t)count * sizeof(double)); break;
        case SKIP_NONE: {
            const double *from = REGISTER(i->a);
            int any = 0;
            for (Py_ssize_t k = 0; k < count; k++) any |= from[k] != 0.0;
            if (!any) i += i->b;
            break;
        }
        case SKIP_ALL: {
            const double *from = REGISTER(i->a);
            int all = 1;
            for (Py_ssize_t k = 0; k < count; k++) all &= from[k] != 0.0;
            if (all) i += i->b;
            break;
        }
        default: break;
        }
    }
}

/* -- a program as an object */

static void let_go(Column *columns, Py_ssize_t count)
{
    for (Py_ssize_t k = 0; columns && k < count; k++)
        if (columns[k].buffer.obj) PyBuffer_Release(&columns[k].buffer);
    PyMem_Free(columns);
}

static void release(Program *p)
{
    Column *bound = p->bound;
    p->bound = NULL;
    let_go(bound, p->columns);
}

static void program_dealloc(Program *p)
{
    PyTypeObject *type = Py_TYPE((PyObject *)p);
    release(p);
    PyMem_Free(p->code);
    PyMem_Free(p->constants);
    PyMem_Free(p->width);
    PyMem_Free(p->needed);
    PyMem_Free(p->limit);
    PyMem_Free(p->numbers);
    PyMem_Free(p->places);
    freefunc release_object = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release_object(p);
    Py_DECREF(type);
}

static int within(Py_ssize_t value, Py_ssize_t size) { return value < size; }

/* Whether every operand of the program is there, and every register is set before it is read. An instruction that may be
 * jumped over counts as run: what it would have set holds some older number then, which nobody chooses. */
static int sound(Program *p, unsigned char *set)
{
    memset(set, 0, (size_t)p->registers + 1);
    memset(set, 1, (size_t)p->known);
    for (Py_ssize_t k = 0; k < p->columns; k++)
        if (p->width[k] != 4 && p->width[k] != 8) return 0;
    for (Py_ssize_t k = 0; k < p->size; k++) {
        const Instruction *i = &p->code[k];
        int operands = i->op <= MAX ? 2 : i->op <= WHERE ? 3 : i->op <= WHERE_LT ? 4 : i->op <= NARROW ? 1 : 0;
        const Py_ssize_t own[4] = {i->a, i->b, i->c, i->d};
        if (i->op >= OPS) return 0;
        if (i->op >= STORE64) operands = 1;
        for (int j = 0; j < 4; j++)
            if (i->op <= NARROW && !within(own[j], p->registers)) return 0;
        for (int j = 0; j < operands; j++)
            if (!within(own[j], p->registers) || !set[own[j]]) return 0;
        switch (i->op) {
        case LOAD64: case LOAD32:
            if (!within(i->a, p->columns) || !within(i->b, p->slots)) return 0;
            if (p->width[i->a] != (i->op == LOAD64 ? 8 : 4)) return 0;
            break;
        case SERIES:
            if (!within(i->a, p->series)) return 0;
            p->needed[i->a] = 1;
            break;
        case STORE64: case STORE32:
            if (!within(i->to, p->columns) || !within(i->b, p->slots)) return 0;
            if (p->width[i->to] != (i->op == STORE64 ? 8 : 4)) return 0;
            break;
        case RESULT:
            if (!within(i->to, p->results)) return 0;
            break;
        case SKIP_NONE: case SKIP_ALL:
            if (i->b > p->size - k - 1) return 0;
            break;
        default: break;
        }
        if (i->op < STORE64) {
            if (!within(i->to, p->registers) || i->to < p->known) return 0;
            set[i->to] = 1;
        }
    }
    return 1;
}

/* The program as C, or NULL. FNV-1a (Fowler, Noll and Vo) tells instructions from others, as agent/translate.py takes it. */
static Run translation(const Program *p)
{
    const unsigned char *code = (const unsigned char *)p->code;
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (size_t k = 0; k < (size_t)p->size * sizeof(Instruction); k++) digest = (digest ^ code[k]) * UINT64_C(0x100000001b3);
    for (Py_ssize_t k = 0; k < p->columns; k++) digest = (digest ^ p->width[k]) * UINT64_C(0x100000001b3);
    const Py_ssize_t shape[7] = {p->size, p->known, p->registers, p->columns, p->slots, p->series, p->results};
    for (size_t k = 0; k < sizeof translated / sizeof *translated; k++)
        if (translated[k].digest == digest && !memcmp(translated[k].shape, shape, sizeof shape)) return translated[k].run;
    return NULL;
}

static PyObject *program_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"code", "constants", "registers", "widths", "slots", "series", "results", NULL};
    Py_buffer code, constants, widths;
    Py_ssize_t registers, slots, series, results;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*y*ny*nnn:Program", names, &code, &constants, &registers, &widths,
                                     &slots, &series, &results))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Program *p = (Program *)allocate(type, 0);
    unsigned char *set = NULL;
    if (!p) goto done;
    p->size = code.len / (Py_ssize_t)sizeof(Instruction);
    p->known = constants.len / (Py_ssize_t)sizeof(double);
    p->registers = registers;
    p->columns = widths.len;
    p->slots = slots;
    p->series = series;
    p->results = results;
    if (code.len % (Py_ssize_t)sizeof(Instruction) || constants.len % (Py_ssize_t)sizeof(double) || registers < 1 ||
        registers < p->known || registers > GIVEN || slots < 0 || slots > SLOTS || series < 0 || series > GIVEN ||
        results < 0 || results > GIVEN || p->size > MOST || p->columns > GIVEN) {
        PyErr_SetString(PyExc_ValueError, "expected a program within its limits");
        goto failed;
    }
    p->code = PyMem_Malloc((size_t)code.len + 1);
    p->constants = PyMem_Malloc((size_t)constants.len + 1);
    p->width = PyMem_Malloc((size_t)widths.len + 1);
    p->needed = PyMem_Calloc((size_t)series + 1, 1);
    p->limit = PyMem_Calloc((size_t)slots + 1, sizeof(Py_ssize_t));
    p->numbers = PyMem_Calloc((size_t)(series + results) + 1, sizeof(double));
    p->places = PyMem_Calloc((size_t)(series + results) + 1, sizeof(double *));
    set = PyMem_Malloc((size_t)registers + 1);
    if (!p->code || !p->constants || !p->width || !p->needed || !p->limit || !p->numbers || !p->places || !set) {
        PyErr_NoMemory();
        goto failed;
    }
    memcpy(p->code, code.buf, (size_t)code.len);
    memcpy(p->constants, constants.buf, (size_t)constants.len);
    memcpy(p->width, widths.buf, (size_t)widths.len);
    for (Py_ssize_t k = 0; k < series + results; k++) p->places[k] = p->numbers + k;
    if (!sound(p, set)) {
        PyErr_SetString(PyExc_ValueError, "expected a program that reads only what is there");
        goto failed;
    }
    p->run = translation(p);
    p->translated = p->run != NULL;
    goto done;
failed:
    Py_CLEAR(p);
done:
    PyMem_Free(set);
    PyBuffer_Release(&code);
    PyBuffer_Release(&constants);
    PyBuffer_Release(&widths);
    return (PyObject *)p;
}

/* A buffer of contiguous numbers of this kind, or -1 with an exception. */
static int take(PyObject *object, Py_buffer *buffer, char kind, Py_ssize_t itemsize, int writable)
{
    if (PyObject_GetBuffer(object, buffer, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0)) < 0)
        return -1;
    const char *format = buffer->format ? buffer->format : "B";
    const int integer = kind == 'n' && strchr("ilqn", *format) != NULL;
    if (buffer->itemsize == itemsize && (integer || *format == kind) && format[1] == 0) return 0;
    PyErr_Format(PyExc_TypeError, "expected numbers of %zd bytes of kind %c, got '%s'", itemsize, kind, format);
    PyBuffer_Release(buffer);
    buffer->obj = NULL;
    return -1;
}

/* The same, of so many numbers. */
static int take_all(PyObject *object, Py_buffer *buffer, char kind, Py_ssize_t itemsize, Py_ssize_t count, int writable)
{
    if (take(object, buffer, kind, itemsize, writable) < 0) return -1;
    if (buffer->len / itemsize == count) return 0;
    PyErr_Format(PyExc_ValueError, "expected %zd numbers, got %zd", count, buffer->len / itemsize);
    PyBuffer_Release(buffer);
    buffer->obj = NULL;
    return -1;
}

static PyObject *program_release(Program *p, PyObject *unused)
{
    (void)unused;
    release(p);
    Py_RETURN_NONE;
}

/* bind(columns): what was bound before stays bound where this fails. */
static PyObject *program_bind(Program *p, PyObject *given)
{
    PyObject *columns = PySequence_Tuple(given);
    if (!columns) return NULL;
    Column *fresh = PyMem_Calloc((size_t)p->columns + 1, sizeof(Column));
    if (!fresh) {
        Py_DECREF(columns);
        return PyErr_NoMemory();
    }
    if (PyTuple_Size(columns) != p->columns) {
        PyErr_Format(PyExc_ValueError, "expected %zd columns, got %zd", p->columns, PyTuple_Size(columns));
        goto failed;
    }
    for (Py_ssize_t k = 0; k < p->columns; k++) {
        const int wide = p->width[k] == 8;
        if (take(PyTuple_GetItem(columns, k), &fresh[k].buffer, wide ? 'd' : 'f', wide ? 8 : 4, 1) < 0) goto failed;
        fresh[k].data = fresh[k].buffer.buf;
        fresh[k].length = fresh[k].buffer.len / p->width[k];
    }
    Column *before = p->bound;
    p->bound = fresh;
    for (Py_ssize_t k = 0; k < p->slots; k++) p->limit[k] = PY_SSIZE_T_MAX;
    for (Py_ssize_t k = 0; k < p->size; k++) {
        const Instruction *i = &p->code[k];
        const int load = i->op == LOAD64 || i->op == LOAD32, store = i->op == STORE64 || i->op == STORE32;
        if (!load && !store) continue;
        const Py_ssize_t length = fresh[load ? i->a : i->to].length;
        if (length < p->limit[i->b]) p->limit[i->b] = length;
    }
    Py_DECREF(columns);
    let_go(before, p->columns);
    Py_RETURN_NONE;
failed:
    Py_DECREF(columns);
    let_go(fresh, p->columns);
    return NULL;
}

static int unready(const Program *p)
{
    if (p->bound) return 0;
    PyErr_SetString(PyExc_ValueError, "expected columns to be bound before a program runs");
    return 1;
}

/* one(index, ..., number, ...): a step of one row, by an index for each slot and a number for each series.
 * Whatever may run other code (an index that is computed, a tuple that is made) comes before anything is looked at. */
static PyObject *program_one(Program *p, PyObject *const *args, Py_ssize_t count)
{
    Slot slots[SLOTS];
    if (count != p->slots + p->series) {
        PyErr_Format(PyExc_TypeError, "expected %zd indices and %zd numbers, got %zd", p->slots, p->series, count);
        return NULL;
    }
    PyObject *out = PyTuple_New(p->results);
    if (!out) return NULL;
    for (Py_ssize_t k = 0; k < p->slots; k++) {
        const Py_ssize_t at = PyNumber_AsSsize_t(args[k], PyExc_IndexError);
        if (at == -1 && PyErr_Occurred()) goto failed;
        slots[k] = (Slot){NULL, at};
    }
    if (unready(p)) goto failed;
    for (Py_ssize_t k = 0; k < p->slots; k++)
        if (slots[k].offset < 0 || slots[k].offset >= p->limit[k]) {
            PyErr_Format(PyExc_IndexError, "expected a row below %zd, got %zd", p->limit[k], slots[k].offset);
            goto failed;
        }
    for (Py_ssize_t k = 0; k < p->series; k++) {
        if (!p->needed[k]) continue;
        PyObject *number = args[p->slots + k];
        if (!PyFloat_Check(number) && !PyLong_Check(number)) {
            PyErr_Format(PyExc_TypeError, "expected a number in series %zd", k);
            goto failed;
        }
        p->numbers[k] = PyFloat_AsDouble(number);
        if (p->numbers[k] == -1.0 && PyErr_Occurred()) goto failed;
    }
    const double *const *series = (const double *const *)p->places;
    if (p->run)
        p->run(p->constants, p->bound, slots, series, p->places + p->series, 0, 1);
    else {
        double *r = registers_for(p->registers);
        if (!r) goto failed;
        memcpy(r, p->constants, (size_t)p->known * sizeof(double));
        run_one(p, r, slots, series, p->places + p->series, 0);
    }
    for (Py_ssize_t k = 0; k < p->results; k++) {
        PyObject *value = PyFloat_FromDouble(p->numbers[p->series + k]);
        if (!value || PyTuple_SetItem(out, k, value) < 0) goto failed;
    }
    return out;
failed:
    Py_DECREF(out);
    return NULL;
}

static int all_within(const Slot *s, Py_ssize_t count, Py_ssize_t limit)
{
    if (!s->at) return s->offset >= 0 && s->offset <= limit && count <= limit - s->offset;
    Py_ssize_t low = 0, high = -1;
    for (Py_ssize_t k = 0; k < count; k++) {
        low = s->at[k] < low ? s->at[k] : low;
        high = s->at[k] > high ? s->at[k] : high;
    }
    return low >= 0 && high < limit;
}

/* many(count, slots, series, results, ends): steps 0 to count - 1. Steps between two ends need nothing of each other. */
static PyObject *program_many(Program *p, PyObject *const *args, Py_ssize_t given)
{
    Slot slots[SLOTS];
    PyObject *out = NULL;
    Py_ssize_t taken = 0;
    if (given != 5 || !PyTuple_Check(args[1]) || !PyTuple_Check(args[2]) || !PyTuple_Check(args[3]) ||
        PyTuple_Size(args[1]) != p->slots || PyTuple_Size(args[2]) != p->series || PyTuple_Size(args[3]) != p->results) {
        PyErr_SetString(PyExc_TypeError, "expected a count, tuples with an entry for each slot, series and result, and ends");
        return NULL;
    }
    const Py_ssize_t count = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
    if (count == -1 && PyErr_Occurred()) return NULL;
    if (count < 0 || count > PY_SSIZE_T_MAX / 8) {
        PyErr_SetString(PyExc_ValueError, "expected a count of steps");
        return NULL;
    }
    const Py_ssize_t entries = p->slots + p->series + p->results + 1;
    Py_buffer *buffers = PyMem_Calloc((size_t)entries, sizeof(Py_buffer));
    double **places = PyMem_Calloc((size_t)(p->series + p->results) + 1, sizeof(double *));
    if (!buffers || !places) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t k = 0; k < p->slots; k++) {
        PyObject *slot = PyTuple_GetItem(args[1], k);
        if (PyLong_Check(slot)) {
            slots[k] = (Slot){NULL, PyLong_AsSsize_t(slot)};
            if (slots[k].offset == -1 && PyErr_Occurred()) goto done;
            continue;
        }
        if (take_all(slot, &buffers[taken], 'n', INDEX, count, 0) < 0) goto done;
        slots[k] = (Slot){buffers[taken++].buf, 0};
    }
    for (Py_ssize_t k = 0; k < p->series; k++) {
        if (!p->needed[k]) continue;
        if (take_all(PyTuple_GetItem(args[2], k), &buffers[taken], 'd', 8, count, 0) < 0) goto done;
        places[k] = buffers[taken++].buf;
    }
    for (Py_ssize_t k = 0; k < p->results; k++) {
        if (take_all(PyTuple_GetItem(args[3], k), &buffers[taken], 'd', 8, count, 1) < 0) goto done;
        places[p->series + k] = buffers[taken++].buf;
    }
    const Py_ssize_t whole[1] = {count};
    const Py_ssize_t *ends = whole;
    Py_ssize_t rounds = 1;
    if (args[4] != Py_None) {
        if (take(args[4], &buffers[taken], 'n', INDEX, 0) < 0) goto done;
        ends = buffers[taken].buf;
        rounds = buffers[taken++].len / INDEX;
        for (Py_ssize_t k = 0; k < rounds; k++)
            if (ends[k] < (k ? ends[k - 1] : 0) || ends[k] > count) {
                PyErr_SetString(PyExc_ValueError, "expected ends in order, none beyond the last step");
                goto done;
            }
    }
    /* From here on no other code runs: what is checked stays as it is. */
    if (unready(p)) goto done;
    for (Py_ssize_t k = 0; k < p->slots; k++)
        if (!all_within(&slots[k], count, p->limit[k])) {
            PyErr_Format(PyExc_IndexError, "expected %zd rows below %zd", count, p->limit[k]);
            goto done;
        }
    double *r = registers_for(p->registers);
    if (!r) goto done;
    const double *const *series = (const double *const *)places;
    double *const *results = places + p->series;
    int spread = -1; /* whether the constants are there for one row or for all lanes */
    Py_ssize_t first = 0;
    for (Py_ssize_t k = 0; k < rounds; first = ends[k++]) {
        const int many = ends[k] - first >= (p->run ? SOME : FEW);
        if (!many && p->run) {
            p->run(p->constants, p->bound, slots, series, results, first, ends[k]);
            continue;
        }
        if (many != spread) {
            spread = many;
            if (many)
                for (Py_ssize_t c = 0; c < p->known; c++)
                    for (Py_ssize_t lane = 0; lane < LANES; lane++) r[c * LANES + lane] = p->constants[c];
            else
                memcpy(r, p->constants, (size_t)p->known * sizeof(double));
        }
        for (Py_ssize_t at = first; at < ends[k];) {
            if (!many) {
                run_one(p, r, slots, series, results, at++);
                continue;
            }
            const Py_ssize_t size = ends[k] - at < LANES ? ends[k] - at : LANES;
            run_many(p, r, slots, series, results, at, size);
            at += size;
        }
    }
    out = Py_None;
    Py_INCREF(out);
done:
    for (Py_ssize_t k = 0; k < taken; k++) PyBuffer_Release(&buffers[k]);
    PyMem_Free(buffers);
    PyMem_Free(places);
    return out;
}

static PyMethodDef program_methods[] = {
    {"bind", (PyCFunction)program_bind, METH_O, "bind(columns): the memory that loads and stores reach."},
    {"release", (PyCFunction)program_release, METH_NOARGS, "release(): let go of the columns."},
    {"one", (PyCFunction)(void (*)(void))program_one, METH_FASTCALL,
     "one(*indices, *numbers): a step of one row; returns the results."},
    {"many", (PyCFunction)(void (*)(void))program_many, METH_FASTCALL,
     "many(count, slots, series, results, ends): steps of many rows."},
    {NULL, NULL, 0, NULL}};

static PyMemberDef program_members[] = {
    {"translated", T_BOOL, offsetof(Program, translated), READONLY, "Whether it runs as C where rows are few."},
    {NULL, 0, 0, 0, NULL}};

static PyType_Slot program_slots[] = {{Py_tp_doc, "Straight-line arithmetic on columns."},
                                      {Py_tp_new, program_new},
                                      {Py_tp_dealloc, program_dealloc},
                                      {Py_tp_methods, program_methods},
                                      {Py_tp_members, program_members},
                                      {0, NULL}};

static PyType_Spec program_spec = {"agent._steps.Program", sizeof(Program), 0, Py_TPFLAGS_DEFAULT, program_slots};

static int module_exec(PyObject *module)
{
    static const char *const words[OPS] = {"+", "-", "*", "/", ">", ">=", "<", "&", "fmin", "fmax", "mul_add", "mul_sub",
                                           "sub_mul", "where", "where>", "where>=", "where<", "sqrt",
                                           "abs", "exp", "narrowed", "load64", "load32", "series", "store64", "store32",
                                           "result", "skip_none", "skip_all"};
    PyObject *type = PyType_FromModuleAndSpec(module, &program_spec, NULL);
    if (!type || PyModule_AddObjectRef(module, "Program", type) < 0) return -1;
    Py_DECREF(type);
    PyObject *codes = PyDict_New();
    if (!codes) return -1;
    for (int k = 0; k < OPS; k++) {
        PyObject *number = PyLong_FromLong(k);
        if (!number || PyDict_SetItemString(codes, words[k], number) < 0) return -1;
        Py_DECREF(number);
    }
    if (PyModule_AddObjectRef(module, "CODES", codes) < 0) return -1;
    Py_DECREF(codes);
    return PyModule_AddIntConstant(module, "FORMAT", FORMAT);
}

#include "weave.h"

static PyMethodDef module_methods[] = {
    {"weave", (PyCFunction)(void (*)(void))weave, METH_FASTCALL,
     "weave(fragments, columns, texts, written): a text for each of `texts`, of fragments with values between."},
    {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "agent._steps", "Steps on columns, outside of Python.", 0,
                                    module_methods, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__steps(void) { return PyModuleDef_Init(&module); }
