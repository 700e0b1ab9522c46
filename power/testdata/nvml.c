// A driver of two cards: one that tells everything, and one that tells nothing but its
// power, as old ones do. Asked for power the FROM-th time and later, it hangs as long as
// there is a file HANG.
#include <string.h>
#include <unistd.h>

#ifndef FAILS
#define FAILS 0
#endif
#ifndef HANG
#define HANG ""
#endif
#ifndef FROM
#define FROM 1
#endif

static int asked;
static void hang(void) { while (!access(HANG, F_OK)) usleep(1000); }
static int left(char *text, const char *name) { strcpy(text, name); return 0; }

int nvmlInit_v2(void) { return FAILS; }
const char *nvmlErrorString(int code) { return code == 18 ? "Driver/library version mismatch" : "Unknown Error"; }
int nvmlSystemGetDriverVersion(char *text, unsigned int size) { return left(text, "550.54.15"); }
int nvmlDeviceGetCount_v2(unsigned int *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **d) { *d = (void *)(unsigned long)(i + 1); return 0; }
int nvmlDeviceGetName(void *d, char *text, unsigned int size) { return left(text, d == (void *)1 ? "NVIDIA RTX A2000" : "NVIDIA T400"); }
int nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *mJ) { *mJ = 123456789012; return d == (void *)1 ? 0 : 3; }
int nvmlDeviceGetPowerUsage(void *d, unsigned int *mW) { if (++asked >= FROM) hang(); *mW = 70500; return 0; }
int nvmlDeviceGetTemperature(void *d, int sensor, unsigned int *c) { *c = 71; return d == (void *)1 && sensor == 0 ? 0 : 3; }
int nvmlDeviceGetTemperatureThreshold(void *d, int kind, unsigned int *c) { *c = kind == 1 ? 95 : 98; return d == (void *)1 ? 0 : 3; }
int nvmlDeviceGetCurrentClocksThrottleReasons(void *d, unsigned long long *bits) { *bits = 0x1 | 0x4 | 0x40; return d == (void *)1 ? 0 : 3; }
struct memory { unsigned long long total, free, used; };
int nvmlDeviceGetMemoryInfo(void *d, struct memory *m) { m->total = 6000; m->free = 4000; m->used = 2000; return d == (void *)1 ? 0 : 3; }
struct utilization { unsigned int gpu, memory; };
int nvmlDeviceGetUtilizationRates(void *d, struct utilization *u) { u->gpu = 88; u->memory = 12; return d == (void *)1 ? 0 : 3; }
