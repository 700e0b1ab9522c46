//go:build linux && cgo

package power

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

// What is used of NVML (nvml.h of CUDA 12): 0 is success, a device is a pointer.
typedef void *device;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned int gpu, memory; } utilization;

enum { celsius_of_gpu = 0, threshold_slowdown = 1 };

static struct {
	int (*init)(void);
	const char *(*error)(int);
	int (*driver)(char *, unsigned int);
	int (*count)(unsigned int *);
	int (*handle)(unsigned int, device *);
	int (*name)(device, char *, unsigned int);
	int (*energy)(device, unsigned long long *);
	int (*power)(device, unsigned int *);
	int (*temperature)(device, int, unsigned int *);
	int (*threshold)(device, int, unsigned int *);
	int (*reasons)(device, unsigned long long *);
	int (*memory)(device, memory *);
	int (*busy)(device, utilization *);
} nvml;

// nvml_open returns 0, an error of NVML, or -1: there is no such library.
static int nvml_open(const char *library) {
	void *lib = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
	if (!lib) return -1;
	nvml.init = dlsym(lib, "nvmlInit_v2");
	nvml.error = dlsym(lib, "nvmlErrorString");
	nvml.driver = dlsym(lib, "nvmlSystemGetDriverVersion");
	nvml.count = dlsym(lib, "nvmlDeviceGetCount_v2");
	nvml.handle = dlsym(lib, "nvmlDeviceGetHandleByIndex_v2");
	nvml.name = dlsym(lib, "nvmlDeviceGetName");
	nvml.energy = dlsym(lib, "nvmlDeviceGetTotalEnergyConsumption");
	nvml.power = dlsym(lib, "nvmlDeviceGetPowerUsage");
	nvml.temperature = dlsym(lib, "nvmlDeviceGetTemperature");
	nvml.threshold = dlsym(lib, "nvmlDeviceGetTemperatureThreshold");
	nvml.reasons = dlsym(lib, "nvmlDeviceGetCurrentClocksEventReasons");
	if (!nvml.reasons) // its name before driver 535
		nvml.reasons = dlsym(lib, "nvmlDeviceGetCurrentClocksThrottleReasons");
	nvml.memory = dlsym(lib, "nvmlDeviceGetMemoryInfo");
	nvml.busy = dlsym(lib, "nvmlDeviceGetUtilizationRates");
	if (!nvml.init || !nvml.error || !nvml.count || !nvml.handle) {
		dlclose(lib);
		return -1;
	}
	int failed = nvml.init();
	if (failed) {
		// The text is the library's: it stays loaded.
		return failed;
	}
	return 0;
}

static const char *nvml_error(int code) { return nvml.error(code); }

static unsigned int nvml_count(void) {
	unsigned int n = 0;
	return nvml.count(&n) ? 0 : n;
}

typedef struct {
	int has_energy, has_power, has_temperature, has_threshold, has_reasons, has_memory, has_busy;
	unsigned long long energy, reasons;
	unsigned int power, temperature, threshold;
	memory memory;
	utilization busy;
} card;

// nvml_read asks for everything; what a card or an old driver does not know stays away.
static void nvml_read(unsigned int i, card *c) {
	device d;
	if (nvml.handle(i, &d)) return;
	c->has_energy = nvml.energy && !nvml.energy(d, &c->energy);
	c->has_power = nvml.power && !nvml.power(d, &c->power);
	c->has_temperature = nvml.temperature && !nvml.temperature(d, celsius_of_gpu, &c->temperature);
	c->has_threshold = nvml.threshold && !nvml.threshold(d, threshold_slowdown, &c->threshold);
	c->has_reasons = nvml.reasons && !nvml.reasons(d, &c->reasons);
	c->has_memory = nvml.memory && !nvml.memory(d, &c->memory);
	c->has_busy = nvml.busy && !nvml.busy(d, &c->busy);
}

// nvml_text reads the name of a card, or with -1 the version of the driver.
static void nvml_text(int i, char *text, unsigned int size) {
	device d;
	text[0] = 0;
	if (i < 0) {
		if (nvml.driver && nvml.driver(text, size)) text[0] = 0;
	} else if (nvml.name && !nvml.handle(i, &d) && nvml.name(d, text, size)) {
		text[0] = 0;
	}
	text[size - 1] = 0;
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// nvidia is NVIDIA's management library, which comes with the driver. It is loaded by
// hand: the official bindings add 1.2 MB, and they leave symbols to be found by lazy
// linking. With immediate linking, which several distributions make the default, the
// program would not start where there is no driver.
type nvidia struct {
	driver string
	names  []string
}

// openNVML is nil when there is no driver, and an error when there is one that does not
// work.
func openNVML() (cards, error) { return openNVMLFrom("libnvidia-ml.so.1") }

func openNVMLFrom(library string) (cards, error) {
	file := C.CString(library)
	defer C.free(unsafe.Pointer(file))
	switch failed := C.nvml_open(file); failed {
	case 0:
	case -1:
		return nil, nil
	default:
		return nil, fmt.Errorf("the NVIDIA driver does not answer: %s", C.GoString(C.nvml_error(failed)))
	}
	n := &nvidia{driver: nvmlText(-1)}
	for i := range int(C.nvml_count()) {
		n.names = append(n.names, nvmlText(i))
	}
	if len(n.names) == 0 {
		return nil, nil
	}
	return n, nil
}

// nvmlText reads a card's name, or with -1 the driver's version.
func nvmlText(i int) string {
	var text [96]C.char // NVML_DEVICE_NAME_V2_BUFFER_SIZE
	C.nvml_text(C.int(i), &text[0], C.uint(len(text)))
	return C.GoString(&text[0])
}

func (n *nvidia) read() []GPU {
	all := make([]GPU, len(n.names))
	for i := range all {
		var c C.card
		C.nvml_read(C.uint(i), &c)
		g := GPU{Name: n.names[i], Driver: n.driver}
		if c.has_energy != 0 {
			g.millijoules = new(uint64(c.energy))
		}
		if c.has_power != 0 {
			g.Watts = new(float64(c.power) / 1000)
		}
		if c.has_temperature != 0 {
			if t, err := believe(int64(c.temperature) * 1000); err == nil {
				g.TempC = &t
			}
		}
		if c.has_threshold != 0 && c.threshold >= lowestLimitC && c.threshold < hottestC {
			g.LimitC = new(float64(c.threshold))
		}
		if c.has_reasons != 0 {
			g.Throttled, g.heat = reasonsOf(uint64(c.reasons))
		}
		if c.has_memory != 0 {
			g.MemoryUsedBytes, g.MemoryTotalBytes = uint64(c.memory.used), uint64(c.memory.total)
		}
		if c.has_busy != 0 {
			g.BusyPercent = new(float64(c.busy.gpu))
		}
		all[i] = g
	}
	return all
}
