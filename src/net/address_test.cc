#include "net/address.h"
