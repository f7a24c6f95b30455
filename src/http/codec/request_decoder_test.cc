#include "http/codec/request_decoder.h"
