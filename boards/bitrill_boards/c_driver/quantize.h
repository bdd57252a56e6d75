
/* Quantizes an image, in the model's order, exactly as the model does. */
int net_quantize(const float image[NET_INPUTS], net_in integers[NET_INPUTS]);
int net_quantize_double(const double image[NET_INPUTS], net_in integers[NET_INPUTS]);

/* Quantizes and packs an image, without integers in between. */
int net_pack_image(const float image[NET_INPUTS], uint8_t frame[NET_FRAME_IN]);
int net_pack_image_double(const double image[NET_INPUTS], uint8_t frame[NET_FRAME_IN]);
