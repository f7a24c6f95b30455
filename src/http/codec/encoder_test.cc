#include "http/codec/encoder.h"
