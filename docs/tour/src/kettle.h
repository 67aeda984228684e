// Seconds until a litre of water boils.
double seconds_to_boil(double celsius, double watts);
