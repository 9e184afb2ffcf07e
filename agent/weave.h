/* What weave.c offers to the module in steps.c. */
#include <Python.h>

#if defined(__GNUC__)
__attribute__((visibility("hidden")))
#endif
PyObject *weave(PyObject *module, PyObject *const *args, Py_ssize_t given);
