using Apache.Arrow;
using Hakmem;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

// Arrow's arrays and ImageSharp's images in one heap, each under a tag of its own.
using HakmemAllocator heap = new();
using MemoryTag arrow = new("arrow");
using MemoryTag images = new("images", hardBytes: 16 << 20);
using (Int32Array numbers = new Int32Array.Builder().AppendRange(Enumerable.Range(0, 10_000)).Build(
    new HakmemArrowAllocator(heap.ForTag(arrow))))
{
    if (numbers.Values[9_999] != 9_999 || arrow.LiveBytes < 40_000)
    {
        throw new InvalidOperationException($"{numbers.Values[9_999]}, {arrow.LiveBytes} bytes");
    }
}

Configuration configuration = Configuration.Default.Clone();
configuration.MemoryAllocator = new HakmemImageSharpAllocator(heap.ForTag(images));
using (Image<Rgba32> image = new(configuration, 1_000, 800, new Rgba32(1, 2, 3)))
{
    image.Mutate(context => context.Resize(100, 80));
    if (image[99, 79] != new Rgba32(1, 2, 3) || images.LiveBytes < 32_000)
    {
        throw new InvalidOperationException($"{image[99, 79]}, {images.LiveBytes} bytes");
    }
}

Console.WriteLine(heap.GetStatistics().LiveBlocks == 0 ? "The package works." : "A buffer is left.");
