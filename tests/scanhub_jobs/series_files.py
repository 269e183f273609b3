"""Series of small MR images, in any orientation, as another scanner would send them."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

STUDY, SERIES = "1.2.826.0.1.3680043.8.498.71", "1.2.826.0.1.3680043.8.498.72"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def image(number=1, *, series=SERIES, study=STUDY, orientation=AXIAL, shape=(6, 8), **tags):
    """One slice of a stack of 5 mm; its pixels hold its number."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = f"{series}.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.FrameOfReferenceUID = f"{study}.9"
    dataset.Modality, dataset.PatientID, dataset.PatientName = "MR", "P-1", "Müller^Zoë"
    dataset.PatientBirthDate, dataset.PatientSex = "19800229", "F"
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20260102", "101112", "S-1"
    dataset.AccessionNumber, dataset.ReferringPhysicianName = "A-7", "Weiß^Rosa"
    dataset.SeriesNumber, dataset.InstanceNumber = 4, number
    dataset.SeriesDescription, dataset.ProtocolName = "T2", "T2"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    dataset.Manufacturer, dataset.ManufacturerModelName = "Testworks", "Bench"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "17", "VX1"
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "NONE", ""
    dataset.MRAcquisitionType, dataset.PatientPosition = "2D", "HFS"
    dataset.RepetitionTime, dataset.EchoTime, dataset.EchoTrainLength = "500", "12.5", "1"
    dataset.PositionReferenceIndicator, dataset.Laterality = "", ""
    normal = np.cross(orientation[:3], orientation[3:])
    dataset.ImageOrientationPatient = [round(float(v), 12) for v in orientation]
    dataset.ImagePositionPatient = [round(float(v), 9) for v in 5.0 * number * normal - 10]
    dataset.PixelSpacing, dataset.SliceThickness = [3.0, 2.0], 5.0
    dataset.SpacingBetweenSlices = 5.0
    dataset.Rows, dataset.Columns = shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    pixels = np.arange(shape[0] * shape[1], dtype="<u2").reshape(shape) + 100 * number
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    return changed(dataset, **tags)


def changed(dataset, **tags):
    """Set elements, or remove those that are None."""
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    return dataset


def write(folder: Path, *datasets) -> Path:
    """Write data sets as files named by a count, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(list(folder.iterdir()))
    for number, dataset in enumerate(datasets, start=count):
        dataset.save_as(folder / f"{number:03d}.dcm", enforce_file_format=True)
    return folder


def series(folder: Path, count=4, **changes) -> Path:
    """Write a series of some slices."""
    return write(folder, *(image(number, **changes) for number in range(1, count + 1)))
