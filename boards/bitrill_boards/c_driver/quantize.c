
/* The smallest @float@ at which the first quantizer steps to its next value@rows@. */
static const @float@ levels@suffix@[@row_count@][@steps@] = {
@levels@};

/* Quantizes one element of a channel: counts the levels at or below it. */
static net_in quantized@suffix@(@float@ x, uint32_t c)
{
    const @float@ *row = levels@suffix@[@row@];
    uint32_t n = 0, end = @steps@;
    while (n < end) { /* levels before n are reached, those from end on are not */
        const uint32_t middle = n + (end - n) / 2;
        if (x >= row[middle])
            n = middle + 1;
        else
            end = middle;
    }
    @invert@return @nth@;
}

int net_quantize@suffix@(const @float@ image[NET_INPUTS], net_in integers[NET_INPUTS])
{
    uint32_t p, c;
    for (p = 0; p < @in_places@; ++p)
        for (c = 0; c < @in_channels@; ++c) {
            const uint32_t k = @in_index@;
            if (!isfinite(image[k]))
                return NET_NOT_FINITE;
            integers[k] = quantized@suffix@(image[k], c);
        }
    return NET_DONE;
}

int net_pack_image@suffix@(const @float@ image[NET_INPUTS], uint8_t frame[NET_FRAME_IN])
{
    writer w = {frame, 0, 0};
    uint32_t p, c;
    for (p = 0; p < @in_places@; ++p)
        for (c = 0; c < @in_channels@; ++c) {
            const @float@ x = image[@in_index@];
            if (!isfinite(x))
                return NET_NOT_FINITE;
            put(&w, quantized@suffix@(x, c));
        }
    finish(&w);
    return NET_DONE;
}
