#include "http/codec/response_decoder.h"
