#include "net/loop.h"
