#include "kettle.h"

double seconds_to_boil(double celsius, double watts) { return 4186 * (100 - celsius) / watts; }
