#include "net/timer_wheel.h"
