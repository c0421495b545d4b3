using System;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Pbm;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tga;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;
using Xunit;
using Xunit.Sdk;

namespace Hakmem.Adapters.Tests.ImageSharp;

// ImageSharp itself over the allocator, beside ImageSharp's own allocator: the same pictures, and an empty heap at the
// end.
public sealed class ImageSharpLibraryTests : IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });
    private readonly Configuration _configuration;

    public ImageSharpLibraryTests() => _configuration = ConfigurationOn(_heap);

    public static TheoryData<string> Formats { get; } =
        ["bmp", "gif", "jpeg", "pbm", "png", "tga", "tiff", "webp", "webp lossless"];

    public void Dispose() => _heap.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void LoadingResizingAndSavingGivesTheSamePixels(string format)
    {
        byte[] source = Picture(EncoderOf(format));
        byte[] own = Convert<Rgba32>(Configuration.Default.Clone(), source, EncoderOf(format));
        byte[] ours = Convert<Rgba32>(_configuration, source, EncoderOf(format));

        // Not the bytes: those that fill a row of a BMP file are whatever was in the buffer.
        using (Image<Rgba32> expected = Image.Load<Rgba32>(own))
        using (Image<Rgba32> actual = Image.Load<Rgba32>(ours))
        {
            Assert.Equal(PixelsOf(expected), PixelsOf(actual));
        }

        Assert.True(_heap.GetStatistics().PeakCommittedBytes > 0);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    // A guard page lies right behind each buffer; reading it would end the process.
    [Theory]
    [MemberData(nameof(Formats))]
    public void FormatsWorkBesideGuardPages(string format)
    {
        using HakmemAllocator guarded = new(new HakmemOptions { Hardening = HardeningLevel.Full });
        foreach (int width in new[] { 341, 378, 512, 640 })
        {
            byte[] source;
            using (Image<Rgba32> image = new(width, 64))
            using (MemoryStream saved = new())
            {
                image.Save(saved, EncoderOf(format));
                source = saved.ToArray();
            }

            Convert<Rgba32>(ConfigurationOn(guarded), source, EncoderOf(format));
        }

        Assert.Equal(0, guarded.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void PixelsOfEachTypeGiveTheSameBytes()
    {
        AssertSame<L8>();
        AssertSame<La32>();
        AssertSame<Rgb24>();
        AssertSame<Bgra5551>();
        AssertSame<Rgba64>();
        AssertSame<RgbaVector>();
        AssertSame<HalfVector4>();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);

        void AssertSame<TPixel>()
            where TPixel : unmanaged, IPixel<TPixel>
        {
            byte[] source = Picture(new PngEncoder());
            Assert.Equal(
                Convert<TPixel>(Configuration.Default.Clone(), source, new PngEncoder()),
                Convert<TPixel>(_configuration, source, new PngEncoder()));
        }
    }

    [Fact]
    public void OperationsGiveTheSamePixels()
    {
        byte[] source = Picture(new PngEncoder());
        using Image<Rgba32> own = Image.Load<Rgba32>(Configuration.Default.Clone(), source);
        using (Image<Rgba32> ours = Image.Load<Rgba32>(_configuration, source))
        {
            foreach (Image<Rgba32> image in new[] { own, ours })
            {
                image.Mutate(
                    context => context.GaussianBlur(3).Rotate(30).Grayscale().Dither().OilPaint(4, 3).Pad(400, 300));
                using Image<Rgba32> copy = image.Clone(
                    context => context.Flip(FlipMode.Vertical).AutoOrient().HistogramEqualization());
                copy.Frames.AddFrame(copy.Frames.RootFrame);
            }

            Assert.Equal(PixelsOf(own), PixelsOf(ours));
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void AnImageIsInOnePiece()
    {
        using Image<Rgba32> image = new(_configuration, 3_000, 2_000);
        Assert.True(image.DangerousTryGetSinglePixelMemory(out Memory<Rgba32> pixels));
        Assert.Equal(6_000_000, pixels.Length);
        Assert.Equal(default, pixels.Span[5_999_999]);
    }

    [Fact]
    public async Task ImagesOfSeveralThreadsLeaveNothing()
    {
        byte[] source = Picture(new JpegEncoder());
        byte[] expected = Convert<Rgb24>(Configuration.Default.Clone(), source, new PngEncoder());
        await Parallel.ForAsync(0, 16, (_, _) =>
        {
            Assert.Equal(expected, Convert<Rgb24>(_configuration, source, new PngEncoder()));
            return ValueTask.CompletedTask;
        });
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    // A picture that does not fit is the library's exception for a picture that it cannot read.
    [Fact]
    public void ALimitRefusesAPictureThatIsTooLarge()
    {
        byte[] source = Picture(new PngEncoder());
        Configuration limited = Configuration.Default.Clone();
        limited.MemoryAllocator = new HakmemImageSharpAllocator(_heap, maxAllocationBytes: 10_000);
        Assert.ThrowsAny<ImageFormatException>(() => Image.Load<Rgba32>(limited, source));
    }

    // ImageSharp 2.1.13 leaves some buffers of broken pictures to finalizers, of TGA files for one. Here they stay
    // until their heap ends.
    [Fact]
    public void WhatABrokenPictureLeavesEndsWithItsHeap() => Seeded.Run(seed =>
    {
        Random random = new(seed);
        int refused = 0;
        long left = 0;
        foreach (string format in Formats.Select(row => row.Data))
        {
            byte[] whole = Picture(EncoderOf(format));
            for (int i = 0; i < 20; i++)
            {
                HakmemAllocator heap = new();
                Image<Rgba32>? image = null;
                try
                {
                    image = Image.Load<Rgba32>(
                        ConfigurationOn(heap), whole.AsSpan(0, random.Next(20, whole.Length - 20)));
                }
                catch (Exception broken) when (broken is not XunitException)
                {
                    refused++;
                    left += heap.GetStatistics().LiveBlocks;
                }

                heap.Dispose();
                image?.Dispose();
            }
        }

        Assert.True(refused >= 40, $"Only {refused} pictures were refused.");
        Assert.True(left > 0, "Nothing was left: say so in docs/adapters.md.");
    });

    private static Configuration ConfigurationOn(HakmemAllocator heap)
    {
        Configuration configuration = Configuration.Default.Clone();
        configuration.MemoryAllocator = new HakmemImageSharpAllocator(heap);
        return configuration;
    }

    private static IImageEncoder EncoderOf(string format) => format switch
    {
        "bmp" => new BmpEncoder(),
        "gif" => new GifEncoder(),
        "jpeg" => new JpegEncoder(),
        "pbm" => new PbmEncoder(),
        "png" => new PngEncoder(),
        "tga" => new TgaEncoder(),
        "tiff" => new TiffEncoder(),
        "webp" => new WebpEncoder { FileFormat = WebpFileFormatType.Lossy },
        _ => new WebpEncoder { FileFormat = WebpFileFormatType.Lossless },
    };

    // A picture with gradients and edges, as a file.
    private static byte[] Picture(IImageEncoder encoder)
    {
        using Image<Rgba32> image = new(231, 173);
        image.ProcessPixelRows(rows =>
        {
            for (int y = 0; y < rows.Height; y++)
            {
                Span<Rgba32> row = rows.GetRowSpan(y);
                for (int x = 0; x < row.Length; x++)
                {
                    row[x] = new Rgba32((byte)(x + y), (byte)(x * y / 100), (byte)(x / 16 * 16), 255);
                }
            }
        });
        using MemoryStream file = new();
        image.Save(file, encoder);
        return file.ToArray();
    }

    private static byte[] Convert<TPixel>(Configuration configuration, byte[] source, IImageEncoder encoder)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        using Image<TPixel> image = Image.Load<TPixel>(configuration, source);
        image.Mutate(context => context.Resize(97, 61));
        using MemoryStream file = new();
        image.Save(file, encoder);
        return file.ToArray();
    }

    private static byte[] PixelsOf(Image<Rgba32> image)
    {
        byte[] pixels = new byte[image.Width * image.Height * 4];
        image.CopyPixelDataTo(pixels);
        return pixels;
    }
}
