/* Texts that are alike but for a few places: `agent.template` says what for. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <string.h>

#include "weave.h"

#define VALUES 4096 /* places in a text at most */

typedef struct {
    const char *start;
    Py_ssize_t size;
} Piece;

static int piece_of(PyObject *object, Piece *piece)
{
    char *start;
    if (PyBytes_AsStringAndSize(object, &start, &piece->size) < 0) return -1;
    piece->start = start;
    return 0;
}

/* Cuts `written` at its commas into exactly so many pieces. */
static int cut(Piece written, Piece *pieces, Py_ssize_t count)
{
    const char *at = written.start, *const end = written.start + written.size;
    for (Py_ssize_t k = 0; k < count; k++) {
        const char *comma = k + 1 < count ? memchr(at, ',', (size_t)(end - at)) : end;
        if (!comma) return -1;
        pieces[k] = (Piece){at, comma - at};
        at = comma + 1;
    }
    return count ? memchr(pieces[count - 1].start, ',', (size_t)pieces[count - 1].size) ? -1 : 0 : written.size ? -1 : 0;
}

/* weave(fragments, columns, texts, written): see _steps.pyi. */
PyObject *weave(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    PyObject *out = NULL, *texts = NULL;
    Piece *pieces = NULL;
    if (given != 4 || !PyTuple_Check(args[0]) || !PyTuple_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "expected tuples of fragments and columns, texts, and numbers as they are written");
        return NULL;
    }
    const Py_ssize_t values = PyTuple_Size(args[1]);
    if (values > VALUES || PyTuple_Size(args[0]) != values + 1) {
        PyErr_SetString(PyExc_ValueError, "expected a fragment more than there are columns");
        return NULL;
    }
    if (!(texts = PySequence_Tuple(args[2]))) return NULL;
    const Py_ssize_t count = PyTuple_Size(texts);
    if (count > PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(Piece) / (2 * VALUES + 2)) {
        PyErr_NoMemory();
        goto done;
    }
    /* Fragments, then for each value its column or -1 in `size`, then the texts, then the numbers. */
    pieces = PyMem_Malloc((size_t)(2 * values + 1 + count + values * count) * sizeof(Piece));
    if (!pieces) {
        PyErr_NoMemory();
        goto done;
    }
    Piece *const fragments = pieces, *const columns = fragments + values + 1, *const own = columns + values;
    Piece *const numbers = own + count;
    Py_ssize_t fixed = 0, written = 0;
    for (Py_ssize_t k = 0; k <= values; k++) {
        if (piece_of(PyTuple_GetItem(args[0], k), &fragments[k]) < 0) goto done;
        fixed += fragments[k].size;
    }
    for (Py_ssize_t k = 0; k < values; k++) {
        const Py_ssize_t column = PyNumber_AsSsize_t(PyTuple_GetItem(args[1], k), PyExc_OverflowError);
        if (column == -1 && PyErr_Occurred()) goto done;
        columns[k].size = column;
        written += column >= 0;
    }
    for (Py_ssize_t k = 0; k < values; k++)
        if (columns[k].size < -1 || columns[k].size >= written) {
            PyErr_SetString(PyExc_ValueError, "expected columns from -1, which is the text, to as many as there are");
            goto done;
        }
    for (Py_ssize_t k = 0; k < count; k++)
        if (piece_of(PyTuple_GetItem(texts, k), &own[k]) < 0) goto done;
    Piece all;
    if (piece_of(args[3], &all) < 0) goto done;
    if (cut(all, numbers, written * count) < 0) {
        PyErr_Format(PyExc_ValueError, "expected %zd numbers with commas between", written * count);
        goto done;
    }
    if (!(out = PyList_New(count))) goto done;
    for (Py_ssize_t k = 0; k < count; k++) {
        Py_ssize_t size = fixed;
        for (Py_ssize_t v = 0; v < values; v++)
            size += columns[v].size < 0 ? own[k].size : numbers[columns[v].size * count + k].size;
        PyObject *message = PyBytes_FromStringAndSize(NULL, size);
        if (!message || PyList_SetItem(out, k, message) < 0) {
            Py_CLEAR(out);
            goto done;
        }
        char *to = PyBytes_AsString(message);
        for (Py_ssize_t v = 0; v <= values; v++) {
            memcpy(to, fragments[v].start, (size_t)fragments[v].size);
            to += fragments[v].size;
            if (v == values) break;
            const Piece *value = columns[v].size < 0 ? &own[k] : &numbers[columns[v].size * count + k];
            memcpy(to, value->start, (size_t)value->size);
            to += value->size;
        }
    }
done:
    PyMem_Free(pieces);
    Py_DECREF(texts);
    return out;
}
